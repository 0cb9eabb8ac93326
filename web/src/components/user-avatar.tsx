import { TeamOutlined } from '@ant-design/icons';
import { useEffect, useState } from 'react';
import { avatarUrl } from '../api/avatar';
import { useUser } from '../store/store';

const COLORS = ['#0b6e66', '#2f5fa8', '#8a4b08', '#7a3e8e', '#a33b52', '#3b6b1f', '#4a5568', '#92560a'];

/** A person's picture, or initials. Decorative: the name stands beside it. */
export function UserAvatar({ userId, size = 40 }: { userId: string; size?: number }) {
  const user = useUser(userId);
  const etag = user?.avatarEtag ?? '';
  const [picture, setPicture] = useState<string | null>(null);
  useEffect(() => {
    let current = true;
    setPicture(null);
    if (etag) void avatarUrl(userId, etag).then((url) => current && setPicture(url));
    return () => {
      current = false;
    };
  }, [userId, etag]);
  const style = {
    width: size,
    height: size,
    fontSize: size * 0.38,
    background: picture ? '#e3e9e8' : colorOf(userId),
  };
  return (
    <span className="avatar" style={style} aria-hidden="true">
      {picture ? (
        <img src={picture} alt="" width={size} height={size} />
      ) : (
        initials(user?.chineseName, user?.displayName)
      )}
    </span>
  );
}

export function GroupAvatar({ id, size = 40 }: { id: string; size?: number }) {
  const style = { width: size, height: size, fontSize: size * 0.5, background: colorOf(id) };
  return (
    <span className="avatar avatar-group" style={style} aria-hidden="true">
      <TeamOutlined />
    </span>
  );
}

/** The given name of a Chinese name, as colleagues call each other; else the first letters. */
function initials(chineseName = '', displayName = ''): string {
  const chinese = [...chineseName];
  if (chinese.length > 0) return chinese.slice(chinese.length > 2 ? -2 : -1).join('');
  const words = displayName.split(/\s+/).filter(Boolean);
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toLocaleUpperCase() ?? '')
    .join('');
}

function colorOf(id: string): string {
  let hash = 2166136261; // FNV-1a; its high bits, for ids made together differ in few characters
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619);
  return COLORS[(hash >>> 20) % COLORS.length] ?? '#4a5568';
}
