// What a person does, beyond sending and reading: one function per action; each throws ApiError.
import { answer, api } from '../api/client';
import { conversationFromJson, receiptFromJson, type Conversation, type Receipt } from '../store/model';
import { dispatch } from '../store/store';
import { uuid } from '../store/uuid';

/** The direct conversation with a person, made now if there was none. */
export async function startDirect(userId: string): Promise<Conversation> {
  const body = { request_id: uuid(), kind: 'CONVERSATION_KIND_DIRECT' as const, member_ids: [userId] };
  return conversationMade(await answer(api.POST('/v1/conversations', { body })));
}

export async function startGroup(name: string, userIds: string[], requestId: string): Promise<Conversation> {
  const body = { request_id: requestId, kind: 'CONVERSATION_KIND_GROUP' as const, name, member_ids: userIds };
  return conversationMade(await answer(api.POST('/v1/conversations', { body })));
}

export async function renameGroup(conversationId: string, name: string): Promise<void> {
  const params = { path: { conversation_id: conversationId } };
  const body = { request_id: uuid(), name };
  conversationMade(await answer(api.PATCH('/v1/conversations/{conversation_id}', { params, body })));
}

export async function addMembers(conversationId: string, userIds: string[]): Promise<void> {
  const params = { path: { conversation_id: conversationId } };
  const body = { request_id: uuid(), user_ids: userIds };
  await answer(api.POST('/v1/conversations/{conversation_id}/members', { params, body }));
}

export async function removeMember(conversationId: string, userId: string): Promise<void> {
  const params = { path: { conversation_id: conversationId, user_id: userId } };
  await answer(api.DELETE('/v1/conversations/{conversation_id}/members/{user_id}', { params }));
}

export async function listReceipts(
  conversationId: string,
  seq: number,
): Promise<{ read: Receipt[]; unread: Receipt[] }> {
  const params = { path: { conversation_id: conversationId, seq: String(seq) } };
  const list = await answer(
    api.GET('/v1/conversations/{conversation_id}/messages/{seq}/receipts', { params }),
  );
  return { read: (list.read ?? []).map(receiptFromJson), unread: (list.unread ?? []).map(receiptFromJson) };
}

function conversationMade(json: Parameters<typeof conversationFromJson>[0]): Conversation {
  const conversation = conversationFromJson(json);
  dispatch({ type: 'conversation_got', conversation });
  return conversation;
}
