// Administrators bring departments and staff in from two CSV files: check first, then apply; everything or nothing.
import { CheckCircleOutlined, FileTextOutlined, UploadOutlined } from '@ant-design/icons';
import { Alert, Button, Result } from 'antd';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { errorText } from '../../i18n/errors';
import { useApp, usePermission } from '../../store/store';
import { importDirectory, type ImportFiles, type ImportReport } from '../../sync/administration';
import { loadDirectory } from '../../sync/directory-sync';
import { ReportView } from './report-view';
import '../../styles/import.css';

export default function ImportPage() {
  const { t } = useTranslation();
  const manages = usePermission('identity.manage');
  const known = useApp((state) => state.me !== null);
  if (!known) return null;
  return (
    <div className="import">
      <header className="page-head">
        <h1>{t('import.title')}</h1>
      </header>
      {manages ? <Import /> : <Result status="403" title={t('error.reason.PERMISSION_MISSING')} />}
    </div>
  );
}

function Import() {
  const { t } = useTranslation();
  const [files, setFiles] = useState<ImportFiles>({ departments: null, staff: null });
  const [report, setReport] = useState<ImportReport | null>(null);
  const [busy, setBusy] = useState<'check' | 'apply' | null>(null);
  const [error, setError] = useState<unknown>(null);
  const result = useRef<HTMLDivElement>(null);
  const chosen = files.departments !== null || files.staff !== null;
  const applicable = report !== null && !report.applied && report.errorCount === 0;

  const choose = (change: Partial<ImportFiles>) => {
    setFiles({ ...files, ...change });
    setReport(null); // it was about other files
    setError(null);
  };
  const run = async (dryRun: boolean) => {
    setBusy(dryRun ? 'check' : 'apply');
    setError(null);
    try {
      const done = await importDirectory(files, dryRun);
      setReport(done);
      if (done.applied) void loadDirectory().catch(() => undefined);
      requestAnimationFrame(() => result.current?.focus());
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(null);
    }
  };
  return (
    <div className="import-body">
      <p className="import-intro">{t('import.intro')}</p>
      <div className="import-files">
        <FileField
          label={t('import.departments')}
          columns="Department_ID, Name, Chinese_Name, Parent_ID"
          file={files.departments}
          onChoose={(departments) => choose({ departments })}
        />
        <FileField
          label={t('import.staff')}
          columns="Employee_ID, Legal_Name, …, Department_ID, Manager_ID, …"
          file={files.staff}
          onChoose={(staff) => choose({ staff })}
        />
      </div>
      <div className="import-actions">
        <Button
          type={applicable ? 'default' : 'primary'}
          icon={<FileTextOutlined aria-hidden />}
          disabled={!chosen}
          loading={busy === 'check'}
          onClick={() => void run(true)}
        >
          {t('import.check')}
        </Button>
        <Button
          type="primary"
          icon={<CheckCircleOutlined aria-hidden />}
          disabled={!applicable}
          loading={busy === 'apply'}
          onClick={() => void run(false)}
        >
          {t('import.apply')}
        </Button>
        {!applicable && !report?.applied && <span className="import-hint">{t('import.checkFirst')}</span>}
      </div>
      <div role="alert">
        {error !== null && <Alert type="error" showIcon message={errorText(error, t)} />}
      </div>
      <div ref={result} tabIndex={-1} className="import-result">
        {report && <ReportView report={report} />}
      </div>
    </div>
  );
}

interface FieldProps {
  label: string;
  columns: string;
  file: File | null;
  onChoose: (file: File | null) => void;
}

function FileField({ label, columns, file, onChoose }: FieldProps) {
  const { t } = useTranslation();
  const [over, setOver] = useState(false);
  return (
    <label
      className={`import-file ${over ? 'import-file-over' : ''} ${file ? 'import-file-chosen' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onChoose(event.dataTransfer.files[0] ?? null);
      }}
    >
      <span className="import-file-label">{label}</span>
      <span className="import-file-name">
        <UploadOutlined aria-hidden />{' '}
        {file
          ? t('import.chosen', { name: file.name, size: Math.ceil(file.size / 1024) })
          : t('import.choose')}
      </span>
      <span className="import-file-columns">{columns}</span>
      <input
        type="file"
        accept=".csv,text/csv"
        onChange={(event) => onChoose(event.target.files?.[0] ?? null)}
      />
    </label>
  );
}
