#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- What arrives (with the lock held)

void cprs_call_fail(cprs_call *call, cprs_status status, const char *message) {
    if (call->is_done) return;
    call->is_done = true;
    cprs_fail(&call->error, status, "%s", message);
}

void cprs_call_closed(cprs_call *call, uint32_t error_code) {
    if (call->is_done) return;
    if (call->grpc_status < 0) {
        switch (error_code) {
        case NGHTTP2_REFUSED_STREAM: cprs_call_fail(call, CPRS_UNAVAILABLE, "the daemon refused the call"); return;
        case NGHTTP2_CANCEL: cprs_call_fail(call, CPRS_CANCELLED, "the daemon cancelled the call"); return;
        case NGHTTP2_ENHANCE_YOUR_CALM: cprs_call_fail(call, CPRS_OVERLOADED, "the daemon asks for calm"); return;
        default: break;
        }
        char message[96];
        snprintf(
            message, sizeof message, "the call ended without a gRPC status (HTTP status %d, HTTP/2 error %u)",
            call->http_status, (unsigned)error_code);
        // 502, 503 and 504 are a proxy's way to say that nobody is there.
        bool is_away = call->http_status >= 502 && call->http_status <= 504;
        cprs_call_fail(call, is_away ? CPRS_UNAVAILABLE : CPRS_INTERNAL, message);
    } else if (call->grpc_status != 0) {
        call->is_done = true;
        cprs_read_status(call, &call->error);
    } else if (call->partial != NULL || call->prefix_length > 0) {
        cprs_call_fail(call, CPRS_INTERNAL, "the daemon ended the call inside a message");
    } else {
        call->is_done = true;
    }
}

static void refuse(cprs_call *call, cprs_status status, const char *message) {
    cprs_call_fail(call, status, message);
    cprs_reset_stream(call);
}

void cprs_call_receive(cprs_call *call, const uint8_t *bytes, size_t length) {
    while (length > 0 && !call->is_done) {
        if (call->partial == NULL) {
            size_t needed = sizeof call->prefix - call->prefix_length;
            size_t taken = length < needed ? length : needed;
            memcpy(call->prefix + call->prefix_length, bytes, taken);
            call->prefix_length += taken;
            bytes += taken;
            length -= taken;
            if (call->prefix_length < sizeof call->prefix) return;
            const uint8_t *size = call->prefix + 1;
            size_t message = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
            if (call->prefix[0] != 0) {
                refuse(call, CPRS_INTERNAL, "the daemon sent a compressed message, which nobody asked for");
                return;
            }
            if (message > CPRS_MAX_MESSAGE) {
                refuse(call, CPRS_INTERNAL, "the daemon sent a message of more than 16 MiB");
                return;
            }
            call->partial = malloc(sizeof *call->partial + message);
            if (call->partial == NULL) {
                refuse(call, CPRS_NO_MEMORY, "no memory for a message");
                return;
            }
            call->partial->next = NULL;
            call->partial->length = message;
            call->partial_length = 0;
        }
        size_t needed = call->partial->length - call->partial_length;
        size_t taken = length < needed ? length : needed;
        memcpy(call->partial->bytes + call->partial_length, bytes, taken);
        call->partial_length += taken;
        bytes += taken;
        length -= taken;
        if (call->partial_length < call->partial->length) return;
        if (call->last == NULL) {
            call->first = call->partial;
        } else {
            call->last->next = call->partial;
        }
        call->last = call->partial;
        call->queued_bytes += call->partial->length + sizeof *call->partial;
        call->partial = NULL;
        call->prefix_length = 0;
    }
}

// ---- Sending

// Puts a message behind its gRPC prefix into call->outgoing, which must have been sent.
static cprs_status put_message(cprs_call *call, const ProtobufCMessage *message, cprs_error *error) {
    size_t length = protobuf_c_message_get_packed_size(message);
    if (length > UINT32_MAX) return cprs_fail(error, CPRS_INVALID_ARGUMENT, "a message of %zu bytes", length);
    if (length + 5 > call->outgoing_capacity) {
        uint8_t *grown = realloc(call->outgoing, length + 5);
        if (grown == NULL) return cprs_fail(error, CPRS_NO_MEMORY, "no memory for a message of %zu bytes", length);
        call->outgoing = grown;
        call->outgoing_capacity = length + 5;
    }
    call->outgoing[0] = 0;
    for (int i = 0; i < 4; i++) call->outgoing[1 + i] = (uint8_t)(length >> (24 - 8 * i));
    protobuf_c_message_pack(message, call->outgoing + 5);
    call->outgoing_length = length + 5;
    call->outgoing_sent = 0;
    return CPRS_OK;
}

// Tells nghttp2 that there is more to send, or that nothing follows.
static void resume(cprs_call *call) {
    if (call->stream < 0 || !call->is_deferred) return;
    call->is_deferred = false;
    nghttp2_session_resume_data(call->client->session, call->stream);
}

static bool can_send(const cprs_call *call) {
    return call->outgoing_sent == call->outgoing_length || call->queued_bytes >= CPRS_QUEUE_BYTES;
}

static cprs_status end_of(cprs_call *call, cprs_error *error) {
    if (call->error.status != CPRS_OK) {
        if (error != NULL) *error = call->error;
        return call->error.status;
    }
    return cprs_fail(error, CPRS_INTERNAL, "the daemon ended the call before all was sent");
}

cprs_call *cprs_call_start(
    cprs_client *client, const char *method, const ProtobufCMessage *message, uint32_t timeout_ms, bool is_last,
    cprs_error *error) {
    cprs_clear_error(error);
    cprs_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        cprs_fail(error, CPRS_NO_MEMORY, "no memory for a call");
        return NULL;
    }
    call->client = client;
    call->stream = -1;
    call->grpc_status = -1;
    call->is_finished = is_last;
    cprs_clear_error(&call->error);
    if (timeout_ms > 0) call->deadline_ns = cprs_now_ns() + (uint64_t)timeout_ms * 1000000u;
    if (put_message(call, message, error) != CPRS_OK) {
        free(call->outgoing);
        free(call);
        return NULL;
    }
    pthread_mutex_lock(&client->lock);
    cprs_status status = cprs_connect(client, error);
    if (status == CPRS_OK) status = cprs_open_stream(call, method, timeout_ms, error);
    if (status == CPRS_OK) {
        call->next = client->calls;
        client->calls = call;
        cprs_move(client);
    }
    pthread_mutex_unlock(&client->lock);
    if (status == CPRS_OK) return call;
    free(call->outgoing);
    free(call);
    return NULL;
}

cprs_call *cprs_begin(cprs_client *client, const cprs_request *request, cprs_error *error) {
    cprs_request complete = cprs_complete_request(request);
    Cprs__V1__Begin begin;
    Cprs__V1__Selection selection;
    cprs_fill_begin(&complete, &begin, &selection);
    Cprs__V1__CompressRequest message = CPRS__V1__COMPRESS_REQUEST__INIT;
    message.part_case = CPRS__V1__COMPRESS_REQUEST__PART_BEGIN;
    message.begin = &begin;
    return cprs_call_start(client, "Compress", &message.base, complete.timeout_ms, false, error);
}

cprs_call *cprs_begin_recut(
    cprs_client *client, const char *request_id, const cprs_request *selection, cprs_error *error) {
    cprs_request complete = cprs_complete_request(selection);
    Cprs__V1__Begin begin;
    Cprs__V1__Selection chosen;
    cprs_fill_begin(&complete, &begin, &chosen);
    Cprs__V1__RecutRequest message = CPRS__V1__RECUT_REQUEST__INIT;
    message.request_id = (char *)(uintptr_t)request_id;
    message.selection = &chosen;
    message.include_text = complete.include_text != 0;
    message.include_token_scores = complete.include_token_scores != 0;
    return cprs_call_start(client, "Recut", &message.base, complete.timeout_ms, true, error);
}

// Sends one message's worth.
static cprs_status send_piece(
    cprs_call *call, const uint8_t *text, size_t length, const char *document_id, cprs_error *error) {
    Cprs__V1__Chunk chunk = CPRS__V1__CHUNK__INIT;
    chunk.text.data = (uint8_t *)(uintptr_t)text;
    chunk.text.len = length;
    if (document_id != NULL) chunk.document_id = (char *)(uintptr_t)document_id;
    Cprs__V1__CompressRequest message = CPRS__V1__COMPRESS_REQUEST__INIT;
    message.part_case = CPRS__V1__COMPRESS_REQUEST__PART_CHUNK;
    message.chunk = &chunk;

    cprs_status status = CPRS_OK;
    pthread_mutex_lock(&call->client->lock);
    cprs_run(call, can_send, 0);
    if (call->stream < 0) {
        status = end_of(call, error);
    } else if (call->is_finished) {
        status = cprs_fail(error, CPRS_INVALID_ARGUMENT, "a chunk after cprs_finish");
    } else if (call->outgoing_sent < call->outgoing_length) {
        status = cprs_fail(error, CPRS_WANT_READ, "the daemon waits until its decisions are taken");
    } else {
        status = put_message(call, &message.base, error);
        if (status == CPRS_OK) {
            resume(call);
            cprs_move(call->client);
        }
    }
    pthread_mutex_unlock(&call->client->lock);
    return status;
}

cprs_status cprs_send_chunk(
    cprs_call *call, const void *text, size_t length, const char *document_id, size_t *sent, cprs_error *error) {
    cprs_clear_error(error);
    size_t done = 0;
    cprs_status status = CPRS_OK;
    while (done < length && status == CPRS_OK) {
        size_t piece = length - done < CPRS_CHUNK_BYTES ? length - done : CPRS_CHUNK_BYTES;
        status = send_piece(call, (const uint8_t *)text + done, piece, document_id, error);
        if (status == CPRS_OK) done += piece;
    }
    if (sent != NULL) *sent = done;
    return status;
}

cprs_status cprs_finish(cprs_call *call, cprs_error *error) {
    cprs_clear_error(error);
    cprs_status status = CPRS_OK;
    pthread_mutex_lock(&call->client->lock);
    call->is_finished = true;
    if (call->stream >= 0) {
        resume(call);
        cprs_move(call->client);
    } else if (call->error.status != CPRS_OK) {
        status = end_of(call, error);
    }
    pthread_mutex_unlock(&call->client->lock);
    return status;
}

// ---- Taking

static bool has_message(const cprs_call *call) { return call->first != NULL; }

cprs_message *cprs_call_take(cprs_call *call, uint64_t until_ns, bool *timed_out) {
    pthread_mutex_lock(&call->client->lock);
    *timed_out = !cprs_run(call, has_message, until_ns);
    // After a cancellation nothing more is handed out.
    cprs_message *message = call->error.status == CPRS_CANCELLED ? NULL : call->first;
    if (message != NULL) {
        call->first = message->next;
        if (call->first == NULL) call->last = NULL;
        call->queued_bytes -= message->length + sizeof *message;
        cprs_refill(call);
        if (call->stream >= 0) cprs_move(call->client);
        *timed_out = false;
    }
    pthread_mutex_unlock(&call->client->lock);
    return message;
}

cprs_status cprs_call_result(cprs_call *call, cprs_error *error) {
    pthread_mutex_lock(&call->client->lock);
    cprs_status status = call->error.status;
    if (error != NULL) *error = call->error;
    pthread_mutex_unlock(&call->client->lock);
    return status;
}

// Takes the message apart; CPRS_AGAIN if it holds nothing for the caller.
static cprs_status read_response(cprs_call *call, const cprs_message *message) {
    if (call->response != NULL) cprs__v1__compress_response__free_unpacked(call->response, NULL);
    call->response = cprs__v1__compress_response__unpack(NULL, message->length, message->bytes);
    if (call->response == NULL) return CPRS_INTERNAL;
    switch (call->response->part_case) {
    case CPRS__V1__COMPRESS_RESPONSE__PART_ACCEPTED: cprs_read_accepted(call, call->response->accepted); break;
    case CPRS__V1__COMPRESS_RESPONSE__PART_DECISIONS: return cprs_read_decisions(call, call->response->decisions);
    case CPRS__V1__COMPRESS_RESPONSE__PART_SUMMARY: cprs_read_summary(call, call->response->summary); break;
    default: break;  // a later protocol's
    }
    return CPRS_AGAIN;
}

cprs_status cprs_next_decision(
    cprs_call *call, int timeout_ms, const cprs_decision **decision, cprs_error *error) {
    cprs_clear_error(error);
    *decision = NULL;
    // 1, not 0, which would be no end: a time that has passed.
    uint64_t until = timeout_ms < 0 ? 0 : timeout_ms == 0 ? 1 : cprs_now_ns() + (uint64_t)timeout_ms * 1000000u;
    while (true) {
        bool timed_out;
        cprs_message *message = cprs_call_take(call, until, &timed_out);
        if (message == NULL) {
            if (timed_out) return CPRS_AGAIN;
            cprs_status status = cprs_call_result(call, error);
            if (status != CPRS_OK) return status;
            if (!call->has_summary) return cprs_fail(error, CPRS_INTERNAL, "the daemon ended without a summary");
            return CPRS_END;
        }
        cprs_status status = read_response(call, message);
        free(message);
        if (status == CPRS_OK) {
            *decision = &call->decision;
            return CPRS_OK;
        }
        if (status == CPRS_NO_MEMORY) return cprs_fail(error, status, "no memory for a decision");
        if (status == CPRS_INTERNAL) {
            cprs_cancel(call);
            return cprs_fail(error, status, "the daemon sent a message that cannot be read");
        }
    }
}

const cprs_summary *cprs_call_summary(cprs_call *call) { return call->has_summary ? &call->summary : NULL; }

void cprs_cancel(cprs_call *call) {
    pthread_mutex_lock(&call->client->lock);
    cprs_call_fail(call, CPRS_CANCELLED, "the caller cancelled the call");
    if (call->stream >= 0) {
        cprs_reset_stream(call);
        cprs_move(call->client);
    }
    pthread_cond_broadcast(&call->client->changed);
    pthread_mutex_unlock(&call->client->lock);
}

void cprs_call_free(cprs_call *call) {
    if (call == NULL) return;
    cprs_cancel(call);
    pthread_mutex_lock(&call->client->lock);
    for (cprs_call **link = &call->client->calls; *link != NULL; link = &(*link)->next) {
        if (*link == call) {
            *link = call->next;
            break;
        }
    }
    pthread_mutex_unlock(&call->client->lock);
    while (call->first != NULL) {
        cprs_message *next = call->first->next;
        free(call->first);
        call->first = next;
    }
    free(call->partial);
    free(call->outgoing);
    free(call->spans);
    if (call->response != NULL) cprs__v1__compress_response__free_unpacked(call->response, NULL);
    free(call);
}
