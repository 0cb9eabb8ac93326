import { Alert } from 'antd';
import i18next from 'i18next';
import { useTranslation } from 'react-i18next';
import type { T } from '../../i18n';
import type en from '../../i18n/en.json';
import type { ImportProblem, ImportReport } from '../../sync/administration';

type Reason = keyof typeof en.import.reason;

export function ReportView({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  const nothing =
    report.usersCreated + report.usersUpdated + report.departmentsCreated + report.departmentsUpdated === 0;
  const outcome = report.errorCount > 0 ? 'refused' : report.applied ? 'applied' : nothing ? 'same' : 'ready';
  const type = { refused: 'error', applied: 'success', same: 'info', ready: 'success' } as const;
  return (
    <>
      <Alert
        type={type[outcome]}
        showIcon
        message={t(`import.outcome.${outcome}`, { count: report.errorCount })}
      />
      <dl className="import-figures">
        <Figure label={t('import.departmentRows')} value={report.departmentRows} />
        <Figure label={t('import.departmentsCreated')} value={report.departmentsCreated} />
        <Figure label={t('import.departmentsUpdated')} value={report.departmentsUpdated} />
        <Figure label={t('import.userRows')} value={report.userRows} />
        <Figure label={t('import.usersCreated')} value={report.usersCreated} />
        <Figure label={t('import.usersUpdated')} value={report.usersUpdated} />
        <Figure label={t('import.usersUnchanged')} value={report.usersUnchanged} />
      </dl>
      {report.errorCount > 0 && <Problems report={report} />}
    </>
  );
}

function Figure({ label, value }: { label: string; value: number }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value.toLocaleString()}</dd>
    </div>
  );
}

function Problems({ report }: { report: ImportReport }) {
  const { t } = useTranslation();
  return (
    <section>
      <h2 id="problems">{t('import.problems', { count: report.errorCount })}</h2>
      {report.errorCount > report.errors.length && (
        <p>{t('import.firstOnly', { count: report.errors.length })}</p>
      )}
      {/* Wider than a phone, so it scrolls and takes the focus. */}
      <div className="import-problems" role="region" aria-labelledby="problems" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('import.column.file')}</th>
              <th scope="col">{t('import.column.row')}</th>
              <th scope="col">{t('import.column.column')}</th>
              <th scope="col">{t('import.column.value')}</th>
              <th scope="col">{t('import.column.reason')}</th>
            </tr>
          </thead>
          <tbody>
            {report.errors.map((problem, index) => (
              <ProblemRow key={index} problem={problem} />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function ProblemRow({ problem }: { problem: ImportProblem }) {
  const { t } = useTranslation();
  return (
    <tr>
      <td>{fileName(problem.file, t)}</td>
      <td className="import-row">{problem.row}</td>
      <td>{problem.column}</td>
      <td>
        <code>{problem.value}</code>
      </td>
      <td title={problem.message}>
        {isReason(problem.reason) ? t(`import.reason.${problem.reason}`) : problem.message || problem.reason}
      </td>
    </tr>
  );
}

function fileName(file: string, t: T): string {
  return t(file === 'departments' ? 'import.departments' : 'import.staff');
}

function isReason(reason: string): reason is Reason {
  return i18next.exists(`import.reason.${reason}`);
}
