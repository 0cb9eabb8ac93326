// What administrators do. Each function throws ApiError.
import { answer, api, type Schemas } from '../api/client';

export interface InvitationLink {
  url: string;
  expireTime: string;
}

export async function createInvitation(userId: string): Promise<InvitationLink> {
  const params = { path: { user_id: userId } };
  const invitation = await answer(api.POST('/v1/users/{user_id}/invitations', { params, body: {} }));
  return {
    url: new URL(invitation.path ?? '', window.location.origin).href,
    expireTime: invitation.expire_time ?? '',
  };
}

export interface ImportFiles {
  departments: File | null;
  staff: File | null;
}

export interface ImportReport {
  applied: boolean;
  departmentRows: number;
  departmentsCreated: number;
  departmentsUpdated: number;
  userRows: number;
  usersCreated: number;
  usersUpdated: number;
  usersUnchanged: number;
  errorCount: number;
  errors: ImportProblem[];
}

export interface ImportProblem {
  file: string;
  row: number;
  column: string;
  value: string;
  reason: string;
  message: string;
}

export async function importDirectory(files: ImportFiles, dryRun: boolean): Promise<ImportReport> {
  const body: Schemas['ImportDirectoryRequest'] = { dry_run: dryRun };
  if (files.departments) body.departments_csv = await base64(files.departments);
  if (files.staff) body.staff_csv = await base64(files.staff);
  return reportFromJson(await answer(api.POST('/v1/directory:import', { body })));
}

function reportFromJson(json: Schemas['ImportReport']): ImportReport {
  return {
    applied: json.applied ?? false,
    departmentRows: json.department_rows ?? 0,
    departmentsCreated: json.departments_created ?? 0,
    departmentsUpdated: json.departments_updated ?? 0,
    userRows: json.user_rows ?? 0,
    usersCreated: json.users_created ?? 0,
    usersUpdated: json.users_updated ?? 0,
    usersUnchanged: json.users_unchanged ?? 0,
    errorCount: json.error_count ?? 0,
    errors: (json.errors ?? []).map((error) => ({
      file: error.file ?? '',
      row: error.row ?? 0,
      column: error.column ?? '',
      value: error.value ?? '',
      reason: error.reason ?? '',
      message: error.message ?? '',
    })),
  };
}

function base64(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(reader.error ?? new Error('the file cannot be read'));
    reader.readAsDataURL(file);
  });
}
