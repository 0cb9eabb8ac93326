export interface TextPart {
  text: string;
  href: string; // empty: plain text
}

// Only http and https; punctuation at the end, ASCII or Chinese, belongs to the sentence.
const LINK = /https?:\/\/[^\s<>"'，。；！？、）」』]*[^\s<>"'，。；！？、）」』.,;:!?)\]]/giu;

/** A text as runs of plain text and links. */
export function splitLinks(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    if (match.index > end) parts.push({ text: text.slice(end, match.index), href: '' });
    parts.push({ text: match[0], href: match[0] });
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), href: '' });
  return parts;
}
