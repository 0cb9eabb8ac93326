#include "gen/messaging_rpc.h"
#include "services/messaging/access.h"
#include "services/messaging/store.h"

struct err *messaging_send_message(struct rpc_ctx *ctx, const SendMessageRequest *request, Message *response)
{
    ERR_TRY(message_check_text(request->text->body));
    return store_message_send(ctx, request, response);
}

struct err *messaging_list_messages(struct rpc_ctx *ctx, const ListMessagesRequest *request, ListMessagesResponse *response)
{
    struct message_cursor cursor;
    ERR_TRY(message_cursor_make(request->after_seq, request->before_seq, request->forward, &cursor));
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    int limit = request->page_size ? request->page_size : MESSAGE_PAGE_SIZE_DEFAULT;
    ERR_TRY(store_message_list(ctx, access.conversation_id, &cursor, limit + 1, &response->messages, &response->n_messages));
    response->last_seq = access.last_seq;
    response->has_more = response->n_messages > (size_t)limit;
    response->n_messages -= response->has_more;
    for (size_t i = 0; i < response->n_messages; i++) { /* one may have come since `access` was read */
        int64_t seq = response->messages[i]->seq;
        response->last_seq = seq > response->last_seq ? seq : response->last_seq;
    }
    return NULL;
}
