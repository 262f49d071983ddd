#include "internal.h"

#include "generated/errors.pb-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *cprs_status_name(cprs_status status) {
    switch (status) {
    case CPRS_OK: return "ok";
    case CPRS_END: return "end";
    case CPRS_AGAIN: return "again";
    case CPRS_WANT_READ: return "want read";
    case CPRS_INVALID_ARGUMENT: return "invalid argument";
    case CPRS_INVALID_TEXT: return "invalid text";
    case CPRS_OVERLOADED: return "overloaded";
    case CPRS_CONTEXT_TOO_LARGE: return "context too large";
    case CPRS_BUDGET_TOO_SMALL: return "budget too small";
    case CPRS_EXPIRED: return "expired";
    case CPRS_NOT_FOUND: return "not found";
    case CPRS_DEADLINE_EXCEEDED: return "deadline exceeded";
    case CPRS_CANCELLED: return "cancelled";
    case CPRS_UNAVAILABLE: return "unavailable";
    case CPRS_INTERNAL: return "internal";
    case CPRS_NO_MEMORY: return "no memory";
    }
    return "unknown";
}

void cprs_clear_error(cprs_error *error) {
    if (error == NULL) return;
    *error = (cprs_error){
        .status = CPRS_OK,
        .grpc_code = -1,
        .byte_offset = -1,
        .minimum_tokens = -1,
        .limit = -1,
        .retry_after_ms = -1,
    };
}

cprs_status cprs_fail(cprs_error *error, cprs_status status, const char *format, ...) {
    if (error == NULL) return status;
    cprs_clear_error(error);
    error->status = status;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

// ---- What gRPC sends

// google.rpc.Code, for a daemon that names no reason.
static cprs_status status_of_code(int code) {
    switch (code) {
    case 0: return CPRS_OK;
    case 1: return CPRS_CANCELLED;
    case 3: return CPRS_INVALID_ARGUMENT;
    case 4: return CPRS_DEADLINE_EXCEEDED;
    case 5: return CPRS_NOT_FOUND;
    case 7: return CPRS_UNAVAILABLE;
    case 8: return CPRS_OVERLOADED;
    case 9: return CPRS_EXPIRED;
    case 14: return CPRS_UNAVAILABLE;
    case 16: return CPRS_UNAVAILABLE;
    default: return CPRS_INTERNAL;
    }
}

static cprs_status status_of_reason(const char *reason, cprs_status otherwise) {
    static const struct {
        const char *reason;
        cprs_status status;
    } known[] = {
        {"INVALID_ARGUMENT", CPRS_INVALID_ARGUMENT},
        {"INVALID_TEXT", CPRS_INVALID_TEXT},
        {"OVERLOADED", CPRS_OVERLOADED},
        {"CONTEXT_TOO_LARGE", CPRS_CONTEXT_TOO_LARGE},
        {"BUDGET_TOO_SMALL", CPRS_BUDGET_TOO_SMALL},
        {"EXPIRED", CPRS_EXPIRED},
        {"NOT_FOUND", CPRS_NOT_FOUND},
        {"DEADLINE_EXCEEDED", CPRS_DEADLINE_EXCEEDED},
        {"CANCELLED", CPRS_CANCELLED},
        {"DRAINING", CPRS_UNAVAILABLE},
        {"INTERNAL", CPRS_INTERNAL},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(reason, known[i].reason) == 0) return known[i].status;
    }
    return otherwise;
}

static void read_info(const Cprs__Errors__Any *any, cprs_error *error) {
    Cprs__Errors__ErrorInfo *info = cprs__errors__error_info__unpack(NULL, any->value.len, any->value.data);
    if (info == NULL) return;
    if (strcmp(info->domain, "cprs") == 0) {
        error->status = status_of_reason(info->reason, error->status);
        for (size_t i = 0; i < info->n_metadata; i++) {
            const char *key = info->metadata[i]->key;
            int64_t value = strtoll(info->metadata[i]->value, NULL, 10);
            if (strcmp(key, "byte_offset") == 0) error->byte_offset = value;
            if (strcmp(key, "minimum_tokens") == 0) error->minimum_tokens = value;
            if (strcmp(key, "limit") == 0) error->limit = value;
        }
    }
    cprs__errors__error_info__free_unpacked(info, NULL);
}

static void read_bad_request(const Cprs__Errors__Any *any, cprs_error *error) {
    Cprs__Errors__BadRequest *bad = cprs__errors__bad_request__unpack(NULL, any->value.len, any->value.data);
    if (bad == NULL) return;
    if (bad->n_field_violations > 0) {
        snprintf(error->field, sizeof error->field, "%s", bad->field_violations[0]->field);
    }
    cprs__errors__bad_request__free_unpacked(bad, NULL);
}

static void read_retry(const Cprs__Errors__Any *any, cprs_error *error) {
    Cprs__Errors__RetryInfo *retry = cprs__errors__retry_info__unpack(NULL, any->value.len, any->value.data);
    if (retry == NULL) return;
    const Cprs__Errors__Duration *delay = retry->retry_delay;
    if (delay != NULL && delay->seconds >= 0 && delay->seconds < 1000000000) {
        error->retry_after_ms = delay->seconds * 1000 + delay->nanos / 1000000;
    }
    cprs__errors__retry_info__free_unpacked(retry, NULL);
}

static bool is_type(const char *url, const char *name) {
    const char *slash = strrchr(url, '/');
    return strcmp(slash == NULL ? url : slash + 1, name) == 0;
}

void cprs_read_status(const cprs_call *call, cprs_error *error) {
    cprs_fail(error, status_of_code(call->grpc_status), "%s", call->grpc_message);
    error->grpc_code = call->grpc_status;
    if (call->details_length == 0) return;
    Cprs__Errors__Status *status = cprs__errors__status__unpack(NULL, call->details_length, call->details);
    if (status == NULL) return;
    for (size_t i = 0; i < status->n_details; i++) {
        const Cprs__Errors__Any *any = status->details[i];
        if (is_type(any->type_url, "google.rpc.ErrorInfo")) read_info(any, error);
        if (is_type(any->type_url, "google.rpc.BadRequest")) read_bad_request(any, error);
        if (is_type(any->type_url, "google.rpc.RetryInfo")) read_retry(any, error);
    }
    cprs__errors__status__free_unpacked(status, NULL);
}

static int hex(char digit) {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

void cprs_decode_percent(char *text) {
    char *out = text;
    for (const char *in = text; *in != 0; in++) {
        if (in[0] == '%' && hex(in[1]) >= 0 && hex(in[2]) >= 0) {
            *out++ = (char)(hex(in[1]) * 16 + hex(in[2]));
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = 0;
}

static int base64_digit(uint8_t digit) {
    if (digit >= 'A' && digit <= 'Z') return digit - 'A';
    if (digit >= 'a' && digit <= 'z') return digit - 'a' + 26;
    if (digit >= '0' && digit <= '9') return digit - '0' + 52;
    if (digit == '+') return 62;
    if (digit == '/') return 63;
    return -1;
}

size_t cprs_decode_base64(const uint8_t *text, size_t length, uint8_t *bytes, size_t capacity) {
    size_t count = 0;
    uint32_t held = 0;
    int bits = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0) break;  // padding, or not base64
        held = held << 6 | (uint32_t)digit;
        bits += 6;
        if (bits < 8) continue;
        bits -= 8;
        if (count == capacity) return 0;  // cut details would be misread
        bytes[count++] = (uint8_t)(held >> bits);
    }
    return count;
}
