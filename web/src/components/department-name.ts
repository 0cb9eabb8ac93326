import type { Language } from '../i18n';
import type { Department } from '../store/model';

/** Its Chinese name for readers of Chinese, where it has one. */
export function departmentName(department: Department, language: Language): string {
  return language === 'en' ? department.name : department.chineseName || department.name;
}
