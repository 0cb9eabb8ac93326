const NAMES: [RegExp, string][] = [
  [/iPhone/, 'iPhone'],
  [/iPad/, 'iPad'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Macintosh/, 'Mac'],
  [/Linux/, 'Linux'],
];

/** What the list of a person's sessions calls this browser. */
export function deviceName(): string {
  const agent = navigator.userAgent;
  return `${NAMES.find(([pattern]) => pattern.test(agent))?.[1] ?? 'Browser'}, web`;
}
