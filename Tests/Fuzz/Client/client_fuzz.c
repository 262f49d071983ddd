// libFuzzer target: the C client and a server that says anything.
//
// connect() is replaced (-Wl,--wrap=connect) by one end of a socket pair whose other end has said everything already, so
// nothing waits and nothing leaves the process. Input: a byte of options, then what the server sends, as it is or as
// records (kind, length in two bytes, payload) of which whole frames are made.
#include <cprs.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FRAME_DATA, FRAME_HEADERS, FRAME_SETTINGS = 4, END_STREAM = 1, END_HEADERS = 4, MAX_SENT = 1 << 17 };

static uint8_t sent[MAX_SENT];
static size_t sent_length;
static int server = -1;

int __wrap_connect(int descriptor, const struct sockaddr *address, socklen_t length);

int __wrap_connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    (void)address;
    (void)length;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) abort();
    if (write(pair[1], sent, sent_length) != (ssize_t)sent_length) abort();
    shutdown(pair[1], SHUT_WR);
    if (dup2(pair[0], descriptor) < 0) abort();
    close(pair[0]);
    if (server >= 0) close(server);
    server = pair[1];
    return 0;
}

// ---- What the server says

static void put(const void *bytes, size_t length) {
    if (length > MAX_SENT - sent_length) length = MAX_SENT - sent_length;
    if (length > 0) memcpy(sent + sent_length, bytes, length);
    sent_length += length;
}

static void put_frame(uint8_t type, uint8_t flags, uint8_t stream, const void *payload, size_t length) {
    const uint8_t head[9] = {
        (uint8_t)(length >> 16), (uint8_t)(length >> 8), (uint8_t)length, type, flags, 0, 0, 0, stream};
    put(head, sizeof head);
    put(payload, length);
}

// A literal header field without indexing; both lengths are below 127.
static size_t put_field(uint8_t *block, const char *name, const char *value, size_t length) {
    size_t name_length = strlen(name);
    block[0] = 0;
    block[1] = (uint8_t)name_length;
    memcpy(block + 2, name, name_length);
    block[2 + name_length] = (uint8_t)length;
    memcpy(block + 3 + name_length, value, length);
    return 3 + name_length + length;
}

static void put_trailers(const uint8_t *payload, size_t length) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t block[512];
    char text[126], status[16];
    size_t used = 0, count = 0;
    int length_of_status = snprintf(status, sizeof status, "%d", length > 0 ? (int8_t)payload[0] : 0);
    used += put_field(block, "grpc-status", status, (size_t)length_of_status);
    // The details are what the payload says, in base64; the message is the payload as it is, where a header may hold it.
    uint32_t held = 0;
    int bits = 0;
    for (size_t i = 1; i < length && count + 2 < sizeof text; i++) {
        held = held << 8 | payload[i];
        for (bits += 8; bits >= 6; bits -= 6) text[count++] = digits[held >> (bits - 6) & 63];
    }
    if (bits > 0) text[count++] = digits[held << (6 - bits) & 63];
    used += put_field(block + used, "grpc-status-details-bin", text, count);
    for (count = 0; count + 1 < length && count < sizeof text; count++) {
        uint8_t byte = payload[count + 1];
        text[count] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '%');
    }
    used += put_field(block + used, "grpc-message", text, count);
    put_frame(FRAME_HEADERS, END_HEADERS | END_STREAM, 1, block, used);
}

static void put_record(uint8_t kind, const uint8_t *payload, size_t length) {
    uint8_t block[64];
    switch (kind % 8) {
    case 0: put_frame(FRAME_DATA, 0, 1, payload, length); break;
    case 1: {
        const uint8_t prefix[5] = {0, 0, 0, (uint8_t)(length >> 8), (uint8_t)length};
        put_frame(FRAME_DATA, 0, 1, prefix, sizeof prefix);
        put_frame(FRAME_DATA, 0, 1, payload, length);
        break;
    }
    case 2: put_frame(FRAME_HEADERS, END_HEADERS, 1, payload, length); break;
    case 3: put_frame(FRAME_HEADERS, END_HEADERS, 1, block, put_field(block, ":status", "200", 3)); break;
    case 4: put_trailers(payload, length); break;
    case 5: put_frame(FRAME_SETTINGS, 0, 0, payload, length); break;
    case 6:
        if (length >= 3) put_frame(payload[0], payload[1], payload[2], payload + 3, length - 3);
        break;
    default: put(payload, length);
    }
}

static void put_all(const uint8_t *bytes, size_t length, int is_raw) {
    sent_length = 0;
    if (is_raw) {
        put(bytes, length);
        return;
    }
    put_frame(FRAME_SETTINGS, 0, 0, "", 0);
    while (length >= 3) {
        size_t size = (size_t)bytes[1] << 8 | bytes[2];
        if (size > length - 3) size = length - 3;
        // A frame of any length the client did not allow ends the connection, which raw input tries as well.
        if (size > 16384) size = 16384;
        put_record(bytes[0], bytes + 3, size);
        bytes += 3 + size;
        length -= 3 + size;
    }
}

// ---- What the client makes of it

static volatile uint64_t seen;

static void look(const void *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) seen += ((const uint8_t *)bytes)[i];
}

static int take(const cprs_decision *decision, void *context) {
    (void)context;
    for (size_t i = 0; i < decision->span_count; i++) {
        const cprs_span *span = &decision->spans[i];
        look(span->tag, strlen(span->tag) + 1);
        look(span->document_id, strlen(span->document_id) + 1);
        look(span->text, span->text_length);
    }
    look(decision->token_lengths, decision->token_count * sizeof *decision->token_lengths);
    look(decision->token_scores, decision->token_count * sizeof *decision->token_scores);
    look(decision->token_labels, decision->token_count);
    return 0;
}

static void take_all(cprs_call *call, cprs_error *error) {
    const cprs_decision *decision;
    if (call == NULL) return;
    size_t sent_bytes;
    cprs_send_chunk(call, "hello, world", 12, "document", &sent_bytes, error);
    cprs_finish(call, error);
    while (cprs_next_decision(call, -1, &decision, error) == CPRS_OK) take(decision, NULL);
    const cprs_summary *summary = cprs_call_summary(call);
    if (summary != NULL) look(summary, sizeof *summary);
    cprs_call_free(call);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
    if (length < 1) return 0;
    put_all(bytes + 1, length - 1, bytes[0] & 1);
    cprs_error error;
    cprs_client *client = cprs_client_open("nowhere", &error);
    if (client == NULL) abort();
    cprs_request request = CPRS_REQUEST_INIT;
    request.query = "who?";
    request.include_text = request.include_token_scores = 1;
    uint64_t tokens;
    cprs_result result;
    switch (bytes[0] >> 1 & 3) {
    case 0: take_all(cprs_begin(client, &request, &error), &error); break;
    case 1:
        if (cprs_compress_with(client, &request, "hello, world", 12, take, NULL, &result, &error) == CPRS_OK) {
            look(result.text, result.length);
            if (result.length > 12 * (result.span_count + 1)) abort();
        }
        cprs_result_free(&result);
        break;
    case 2: cprs_count_tokens(client, "hello, world", 12, 0, &tokens, &error); break;
    default: take_all(cprs_begin_recut(client, "request-1", &request, &error), &error);
    }
    look(error.message, strlen(error.message));
    look(error.field, strlen(error.field));
    cprs_client_close(client);
    if (server >= 0) close(server);
    server = -1;
    return 0;
}
