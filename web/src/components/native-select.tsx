interface SelectProps {
  label: string;
  value: string;
  options: { value: string; text: string; lang?: string }[];
  onChange: (value: string) => void;
}

/** The browser's own select: what every phone and screen reader knows. */
export function NativeSelect({ label, value, options, onChange }: SelectProps) {
  return (
    <select
      className="select"
      aria-label={label}
      value={value}
      onChange={(event) => onChange(event.target.value)}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value} lang={option.lang}>
          {option.text}
        </option>
      ))}
    </select>
  );
}
