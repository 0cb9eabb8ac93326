#include "gen/messaging_rpc.h"
#include "services/messaging/access.h"
#include "services/messaging/store.h"

struct err *messaging_mark_read(struct rpc_ctx *ctx, const MarkReadRequest *request, ReadCursor *response)
{
    return store_read_cursor_mark(ctx, request, response);
}

struct err *messaging_list_receipts(struct rpc_ctx *ctx, const ListReceiptsRequest *request, ListReceiptsResponse *response)
{
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    return store_receipt_list(ctx, access.conversation_id, request->seq, response);
}
