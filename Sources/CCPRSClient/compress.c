#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

// What a result owns, grown while decisions come in.
typedef struct kept_text {
    cprs_span *spans;
    size_t count, capacity;
    uint8_t *text;
    size_t length, text_capacity;
    char **tags;  // a copy of each tag that occurs
    size_t tag_count;
} kept_text;

static void free_kept(kept_text *kept) {
    if (kept == NULL) return;
    for (size_t i = 0; i < kept->tag_count; i++) free(kept->tags[i]);
    free(kept->tags);
    free(kept->spans);
    free(kept->text);
    free(kept);
}

static const char *keep_tag(kept_text *kept, const char *tag) {
    if (tag[0] == 0) return "";
    for (size_t i = 0; i < kept->tag_count; i++) {
        if (strcmp(kept->tags[i], tag) == 0) return kept->tags[i];
    }
    char **tags = realloc(kept->tags, (kept->tag_count + 1) * sizeof *tags);
    if (tags == NULL) return NULL;
    kept->tags = tags;
    char *copy = strdup(tag);
    if (copy == NULL) return NULL;
    kept->tags[kept->tag_count++] = copy;
    return copy;
}

// Adds a span and the bytes of the input that it keeps.
static cprs_status keep_span(kept_text *kept, const cprs_span *span, const uint8_t *input, size_t length) {
    if (span->start > span->end || span->end > length) return CPRS_INTERNAL;
    if (kept->count == kept->capacity) {
        size_t capacity = kept->capacity * 2 + 16;
        cprs_span *spans = realloc(kept->spans, capacity * sizeof *spans);
        if (spans == NULL) return CPRS_NO_MEMORY;
        kept->spans = spans;
        kept->capacity = capacity;
    }
    size_t bytes = (size_t)(span->end - span->start);
    if (kept->length + bytes > kept->text_capacity) {
        size_t capacity = (kept->length + bytes) * 2;
        uint8_t *text = realloc(kept->text, capacity);
        if (text == NULL) return CPRS_NO_MEMORY;
        kept->text = text;
        kept->text_capacity = capacity;
    }
    const char *tag = keep_tag(kept, span->tag);
    if (tag == NULL) return CPRS_NO_MEMORY;
    if (bytes > 0) memcpy(kept->text + kept->length, input + span->start, bytes);
    kept->length += bytes;
    cprs_span *copy = &kept->spans[kept->count++];
    *copy = *span;
    copy->tag = tag;
    copy->document_id = "";
    copy->text = NULL;
    copy->text_length = 0;
    return CPRS_OK;
}

// One text on its way through one call.
typedef struct compression {
    cprs_call *call;
    const uint8_t *text;
    size_t length;
    cprs_decision_callback callback;
    void *context;
    kept_text *kept;
} compression;

static cprs_status take(compression *run, const cprs_decision *decision, cprs_error *error) {
    if (run->callback != NULL && run->callback(decision, run->context) != 0) {
        cprs_cancel(run->call);
        return cprs_fail(error, CPRS_CANCELLED, "the callback cancelled the call");
    }
    if (decision->provisional) return CPRS_OK;
    for (size_t i = 0; i < decision->span_count; i++) {
        cprs_status status = keep_span(run->kept, &decision->spans[i], run->text, run->length);
        if (status == CPRS_NO_MEMORY) return cprs_fail(error, status, "no memory for the kept text");
        if (status != CPRS_OK) return cprs_fail(error, status, "the daemon kept bytes that the text does not have");
    }
    return CPRS_OK;
}

// Takes decisions: those that are there (timeout 0), or all to the end (-1).
static cprs_status take_all(compression *run, int timeout_ms, cprs_error *error) {
    while (true) {
        const cprs_decision *decision;
        cprs_status status = cprs_next_decision(run->call, timeout_ms, &decision, error);
        if (status != CPRS_OK) return status;
        status = take(run, decision, error);
        if (status != CPRS_OK) return status;
    }
}

static cprs_status send_all(compression *run, cprs_error *error) {
    size_t done = 0;
    while (done < run->length) {
        // A piece at a time, so that decisions are told while later pieces are still to be sent.
        size_t piece = run->length - done < CPRS_CHUNK_BYTES ? run->length - done : CPRS_CHUNK_BYTES;
        size_t sent;
        cprs_status status = cprs_send_chunk(run->call, run->text + done, piece, NULL, &sent, error);
        if (status != CPRS_OK && status != CPRS_WANT_READ) return status;
        done += sent;
        status = take_all(run, 0, error);
        if (status == CPRS_END) return cprs_fail(error, CPRS_INTERNAL, "the daemon ended before all was sent");
        if (status != CPRS_AGAIN) return status;
    }
    return cprs_finish(run->call, error);
}

static cprs_status compress_once(
    cprs_client *client, const cprs_request *request, compression *run, cprs_result *result, cprs_error *error) {
    run->call = cprs_begin(client, request, error);
    if (run->call == NULL) return error->status;
    cprs_status status = send_all(run, error);
    if (status == CPRS_OK) status = take_all(run, -1, error);
    if (status == CPRS_END) {
        status = CPRS_OK;
        cprs_clear_error(error);
        result->summary = *cprs_call_summary(run->call);
    }
    cprs_call_free(run->call);
    return status;
}

static cprs_status compress(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, cprs_decision_callback callback,
    void *context, int attempts, cprs_result *result, cprs_error *error) {
    cprs_error local;
    if (error == NULL) error = &local;
    memset(result, 0, sizeof *result);
    cprs_request plain = cprs_complete_request(request);
    if (callback == NULL) {
        // The text is here; there is no need to send it back.
        plain.include_text = plain.include_token_scores = plain.include_provisional = 0;
    }
    uint64_t end = plain.timeout_ms == 0 ? 0 : cprs_now_ns() + (uint64_t)plain.timeout_ms * 1000000u;
    uint64_t delay_ms = 50;
    for (int attempt = 1;; attempt++) {
        kept_text *kept = calloc(1, sizeof *kept);
        if (kept == NULL) return cprs_fail(error, CPRS_NO_MEMORY, "no memory for a result");
        compression run = {.text = text, .length = length, .callback = callback, .context = context, .kept = kept};
        cprs_status status = compress_once(client, &plain, &run, result, error);
        if (status == CPRS_OK) {
            result->text = kept->text == NULL ? (const uint8_t *)"" : kept->text;
            result->length = kept->length;
            result->spans = kept->spans;
            result->span_count = kept->count;
            result->owned = kept;
            cprs_clear_error(&result->error);
            return CPRS_OK;
        }
        free_kept(kept);
        bool is_transient = status == CPRS_UNAVAILABLE || status == CPRS_OVERLOADED;
        if (!is_transient || attempt >= attempts) return status;
        if (error->retry_after_ms > (int64_t)delay_ms) delay_ms = (uint64_t)error->retry_after_ms;
        uint64_t now = cprs_now_ns();
        // A pause that outlasts the caller's patience would only turn the error into a late one.
        if (end != 0 && now + delay_ms * 1000000u >= end) return status;
        struct timespec pause = {(time_t)(delay_ms / 1000), (long)(delay_ms % 1000) * 1000000};
        nanosleep(&pause, NULL);
        now = cprs_now_ns();
        // The pause may have taken longer than it was asked to.
        if (end != 0 && now >= end) return status;
        if (end != 0) plain.timeout_ms = (uint32_t)((end - now) / 1000000u) + 1;
        delay_ms *= 2;
    }
}

cprs_status cprs_compress(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, cprs_result *result,
    cprs_error *error) {
    return compress(client, request, text, length, NULL, NULL, 3, result, error);
}

cprs_status cprs_compress_with(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, cprs_decision_callback callback,
    void *context, cprs_result *result, cprs_error *error) {
    return compress(client, request, text, length, callback, context, 1, result, error);
}

void cprs_compress_or_unchanged(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, uint32_t timeout_ms,
    cprs_result *result) {
    cprs_request timed = cprs_complete_request(request);
    if (timed.timeout_ms == 0 || timed.timeout_ms > timeout_ms) timed.timeout_ms = timeout_ms;
    cprs_error error;
    if (compress(client, &timed, text, length, NULL, NULL, 3, result, &error) == CPRS_OK) return;
    memset(result, 0, sizeof *result);
    result->text = text;
    result->length = length;
    result->unchanged = 1;
    result->error = error;
}

void cprs_result_free(cprs_result *result) {
    if (result == NULL) return;
    free_kept(result->owned);
    memset(result, 0, sizeof *result);
}

cprs_status cprs_count_tokens(
    cprs_client *client, const void *text, size_t length, uint32_t timeout_ms, uint64_t *tokens, cprs_error *error) {
    cprs_error local;
    if (error == NULL) error = &local;
    *tokens = 0;
    Cprs__V1__CountTokensRequest request = CPRS__V1__COUNT_TOKENS_REQUEST__INIT;
    request.text.data = (uint8_t *)(uintptr_t)text;
    request.text.len = length;
    cprs_call *call = cprs_call_start(client, "CountTokens", &request.base, timeout_ms, true, error);
    if (call == NULL) return error->status;
    bool timed_out;
    cprs_message *message = cprs_call_take(call, 0, &timed_out);
    cprs_status status = CPRS_OK;
    if (message == NULL) {
        status = cprs_call_result(call, error);
        if (status == CPRS_OK) status = cprs_fail(error, CPRS_INTERNAL, "the daemon answered nothing");
    } else {
        Cprs__V1__CountTokensResponse *response =
            cprs__v1__count_tokens_response__unpack(NULL, message->length, message->bytes);
        if (response == NULL) {
            status = cprs_fail(error, CPRS_INTERNAL, "the daemon sent a message that cannot be read");
        } else {
            *tokens = response->tokens;
            cprs__v1__count_tokens_response__free_unpacked(response, NULL);
        }
        free(message);
    }
    cprs_call_free(call);
    return status;
}
