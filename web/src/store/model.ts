// What the client works with, made from the JSON of REST and WebSocket. There, fields with their default value may be absent and
// 64-bit integers are strings; here everything is present and seq is a number.
import type { Schemas } from '../api/client';

export interface Message {
  id: string;
  conversationId: string;
  seq: number;
  senderId: string;
  createTime: string; // RFC 3339
  requestId: string;
  text: string;
}

export interface Conversation {
  id: string;
  kind: 'direct' | 'group';
  name: string; // of a group
  peerId: string; // of a direct conversation
  ownerId: string;
  memberCount: number;
  lastSeq: number;
  lastMessage: Message | null;
  readSeq: number; // one's own read cursor
  unreadCount: number;
  activityTime: string;
  role: 'member' | 'administrator' | 'owner';
}

export interface Member {
  userId: string;
  role: Conversation['role'];
  readSeq: number;
  readTime: string;
  joinSeq: number;
}

export interface ReadCursor {
  conversationId: string;
  userId: string;
  readSeq: number;
  readTime: string;
}

export interface Receipt {
  userId: string;
  readTime: string; // empty: not read
}

export interface User {
  id: string;
  externalId: string;
  displayName: string;
  legalName: string;
  preferredName: string;
  chineseName: string;
  email: string;
  mobile: string;
  title: string;
  departmentId: string;
  managerId: string;
  location: string;
  status: 'invited' | 'active' | 'suspended' | 'left';
  avatarEtag: string;
}

export interface Department {
  id: string;
  name: string;
  chineseName: string;
  parentId: string;
  userCount: number;
}

export function messageFromJson(json: Schemas['Message']): Message {
  return {
    id: json.id ?? '',
    conversationId: json.conversation_id ?? '',
    seq: Number(json.seq ?? 0),
    senderId: json.sender_id ?? '',
    createTime: json.create_time ?? '',
    requestId: json.request_id ?? '',
    text: json.text?.body ?? '',
  };
}

export function conversationFromJson(json: Schemas['Conversation']): Conversation {
  return {
    id: json.id ?? '',
    kind: json.kind === 'CONVERSATION_KIND_GROUP' ? 'group' : 'direct',
    name: json.name ?? '',
    peerId: json.peer_id ?? '',
    ownerId: json.owner_id ?? '',
    memberCount: json.member_count ?? 0,
    lastSeq: Number(json.last_seq ?? 0),
    lastMessage: json.last_message ? messageFromJson(json.last_message) : null,
    readSeq: Number(json.read_seq ?? 0),
    unreadCount: Number(json.unread_count ?? 0),
    activityTime: json.activity_time ?? json.create_time ?? '',
    role: roleFromJson(json.role),
  };
}

export function memberFromJson(json: Schemas['Member']): Member {
  return {
    userId: json.user_id ?? '',
    role: roleFromJson(json.role),
    readSeq: Number(json.read_seq ?? 0),
    readTime: json.read_time ?? '',
    joinSeq: Number(json.join_seq ?? 0),
  };
}

export function readCursorFromJson(json: Schemas['ReadCursor']): ReadCursor {
  return {
    conversationId: json.conversation_id ?? '',
    userId: json.user_id ?? '',
    readSeq: Number(json.read_seq ?? 0),
    readTime: json.read_time ?? '',
  };
}

export function receiptFromJson(json: Schemas['Receipt']): Receipt {
  return { userId: json.user_id ?? '', readTime: json.read_time ?? '' };
}

export function userFromJson(json: Schemas['User']): User {
  return {
    id: json.id ?? '',
    externalId: json.external_id ?? '',
    displayName: json.display_name || json.preferred_name || json.legal_name || json.external_id || '',
    legalName: json.legal_name ?? '',
    preferredName: json.preferred_name ?? '',
    chineseName: json.chinese_name ?? '',
    email: json.work_email ?? '',
    mobile: json.mobile ?? '',
    title: json.title ?? '',
    departmentId: json.department_id ?? '',
    managerId: json.manager_id ?? '',
    location: json.location ?? '',
    status: userStatusFromJson(json.status),
    avatarEtag: json.avatar_etag ?? '',
  };
}

export function departmentFromJson(json: Schemas['Department']): Department {
  return {
    id: json.id ?? '',
    name: json.name ?? '',
    chineseName: json.chinese_name ?? '',
    parentId: json.parent_id ?? '',
    userCount: json.user_count ?? 0,
  };
}

function roleFromJson(role: Schemas['MemberRole'] | undefined): Conversation['role'] {
  if (role === 'MEMBER_ROLE_OWNER') return 'owner';
  return role === 'MEMBER_ROLE_ADMINISTRATOR' ? 'administrator' : 'member';
}

function userStatusFromJson(status: Schemas['UserStatus'] | undefined): User['status'] {
  if (status === 'USER_STATUS_LEFT') return 'left';
  if (status === 'USER_STATUS_SUSPENDED') return 'suspended';
  return status === 'USER_STATUS_INVITED' ? 'invited' : 'active';
}
