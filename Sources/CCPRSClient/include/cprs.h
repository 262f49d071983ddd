#ifndef CPRS_H
#define CPRS_H

// libcprs: context compression by the cprsd daemon, over its Unix socket.
//
//     cprs_error error;
//     cprs_client *client = cprs_client_open(NULL, &error);
//     cprs_request request = CPRS_REQUEST_INIT;
//     request.query = "Who signed?";
//     cprs_result result;
//     cprs_compress_or_unchanged(client, &request, text, length, 500, &result);
//     fwrite(result.text, 1, result.length, stdout);
//     cprs_result_free(&result);
//     cprs_client_close(client);
//
// Offsets and lengths count bytes of the caller's input; ranges are half open [start, end). Texts are UTF-8 and need no
// terminating zero; names are C strings. What each field of a request means in full, and which values it takes, stands
// in cprs/v1/cprs.proto.
//
// Threads: there is no global state. A client and its calls may be used from any number of threads at once; one thread
// may send while another takes decisions. Signals: SIGPIPE is never raised.
//
// Errors: functions that can fail return a cprs_status and fill *error if error is not NULL.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CPRS_API __attribute__((visibility("default")))
#else
#define CPRS_API
#endif

#define CPRS_VERSION "0.1.0"

// What became of a call.
typedef enum cprs_status {
    CPRS_OK = 0,
    CPRS_END = 1,                // there are no more decisions; the summary is there
    CPRS_AGAIN = 2,              // nothing yet within the given time
    CPRS_WANT_READ = 3,          // decisions wait: take them before sending more
    CPRS_INVALID_ARGUMENT = 10,  // a field is outside its range, see error.field
    CPRS_INVALID_TEXT = 11,      // empty or not UTF-8, see error.byte_offset
    CPRS_OVERLOADED = 12,        // the daemon is busy, see error.retry_after_ms
    CPRS_CONTEXT_TOO_LARGE = 13,
    CPRS_BUDGET_TOO_SMALL = 14,  // what must be kept exceeds the budget, see error.minimum_tokens
    CPRS_EXPIRED = 15,           // the scores for a recut are no longer held
    CPRS_NOT_FOUND = 16,
    CPRS_DEADLINE_EXCEEDED = 17,
    CPRS_CANCELLED = 18,
    CPRS_UNAVAILABLE = 19,  // the daemon is away, stopping, or refuses this user
    CPRS_INTERNAL = 20,     // a defect in the daemon or in this library
    CPRS_NO_MEMORY = 21,
} cprs_status;

// A short name: "invalid argument".
CPRS_API const char *cprs_status_name(cprs_status status);

typedef struct cprs_error {
    cprs_status status;
    int grpc_code;            // the gRPC status code; -1 if the failure happened on this side
    char message[512];        // one or two sentences, cut if longer
    char field[64];           // the request's field that was refused, else empty
    int64_t byte_offset;      // of the first byte that was refused; else -1
    int64_t minimum_tokens;   // the least budget that would do; else -1
    int64_t limit;            // the limit that was exceeded; else -1
    int64_t retry_after_ms;   // when the same call may succeed; else -1
} cprs_error;

// ---- The connection ------------------------------------------------------------------------------------------------

// A connection to the daemon: made at the first call, made again when it breaks, shared by all calls of the client.
typedef struct cprs_client cprs_client;

// socket_path: NULL means $CPRS_SOCKET, else /run/cprs/cprsd.sock. Connects to nothing yet; fails for want of memory or
// a path of more than 107 bytes. Close it after its last call was freed.
CPRS_API cprs_client *cprs_client_open(const char *socket_path, cprs_error *error);
CPRS_API void cprs_client_close(cprs_client *client);

// ---- Requests ------------------------------------------------------------------------------------------------------

typedef enum cprs_granularity {
    CPRS_GRANULARITY_DEFAULT = 0,
    CPRS_GRANULARITY_TOKEN = 1,
    CPRS_GRANULARITY_WORD = 2,
    CPRS_GRANULARITY_SENTENCE = 3,
    CPRS_GRANULARITY_LINE = 4,
    CPRS_GRANULARITY_PARAGRAPH = 5,
    CPRS_GRANULARITY_RECORD = 6,
} cprs_granularity;

// What to keep. Start from CPRS_REQUEST_INIT: everything zero means every default. The strings must live until the call
// that takes the request returns.
typedef struct cprs_request {
    size_t size;                 // sizeof(cprs_request), so that fields can be added
    const char *preset;          // "fact", ...; or
    const char *instruction;     // an instruction in full
    const char *query;
    const char *const *tags;
    size_t tag_count;
    uint32_t window_tokens;
    cprs_granularity granularity;
    int has_threshold;           // 1: `threshold` counts
    float threshold;             // least score of a kept unit, 0...1
    uint64_t max_tokens;         // most tokens that may be kept; or
    double ratio;                // share of the input's tokens
    int has_min_span_tokens;     // 1: `min_span_tokens` counts
    uint32_t min_span_tokens;
    int whole_sentences;
    int reference_decoding;
    const char *const *keep_literals;
    size_t keep_literal_count;
    const char *const *keep_regexes;
    size_t keep_regex_count;
    uint32_t deadline_ms;        // the daemon's own, from the arrival of the request
    int partial_after_deadline;  // 1: keep what is undecided then, instead of failing
    int batch;                   // 1: nobody waits for the answer
    const char *client_request_id;
    int include_text;
    int include_token_scores;
    int include_provisional;
    int retain_scores;
    uint32_t timeout_ms;         // from begin to the last decision, on this side too; 0: none
    int has_match_words;         // 1: `match_words` counts
    int match_words;             // 1: the question's words count beside the model's score, if the model can do that
} cprs_request;

#define CPRS_REQUEST_INIT {sizeof(cprs_request), 0, 0, 0, 0, 0, 0, CPRS_GRANULARITY_DEFAULT, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
                           0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

// ---- Answers -------------------------------------------------------------------------------------------------------

// A piece of the input that stays.
typedef struct cprs_span {
    uint64_t start;
    uint64_t end;
    float score;
    uint64_t tokens;
    const char *tag;          // "" without tags
    int forced;               // kept because the request said so, not for its score
    int unscored;             // kept because the deadline passed before it was scored
    const char *document_id;  // "" when chunks named none
    uint64_t document_start;
    const uint8_t *text;      // with include_text, else NULL
    size_t text_length;
} cprs_span;

// What became final since the decision before.
typedef struct cprs_decision {
    uint64_t final_bytes;  // every byte before this offset is decided: kept by a span, or dropped
    int provisional;       // a preview by threshold; the final selection follows
    const cprs_span *spans;
    size_t span_count;
    // With include_token_scores: consecutive tokens that start at token_start.
    uint64_t token_start;
    const uint32_t *token_lengths;
    const float *token_scores;
    const char *token_labels;  // one letter each: B, I, O, E
    size_t token_count;
} cprs_decision;

// The figures, and a receipt.
typedef struct cprs_summary {
    uint64_t input_bytes, input_tokens, kept_bytes, kept_tokens, kept_spans, windows, unscored_bytes;
    int has_best_dropped_score;
    float best_dropped_score;
    uint64_t total_us, first_decision_us, scoring_us;
    uint8_t input_sha256[32];
    int has_kept_sha256;
    uint8_t kept_sha256[32];
    uint32_t recut_seconds;
    char request_id[64];   // for cprs_begin_recut
    char model_name[128];
    char model_sha256[65];
} cprs_summary;

// ---- Streaming -----------------------------------------------------------------------------------------------------

// One compression under way.
typedef struct cprs_call cprs_call;

// Starts a compression: connects if need be and sends the request. NULL on failure.
CPRS_API cprs_call *cprs_begin(cprs_client *client, const cprs_request *request, cprs_error *error);

// Starts a new selection from the scores that a call with retain_scores left: take its decisions, send nothing.
CPRS_API cprs_call *cprs_begin_recut(
    cprs_client *client, const char *request_id, const cprs_request *selection, cprs_error *error);

// Sends the next bytes of the context, cut anywhere; document_id may be NULL: the same document as before. Waits while
// the daemon is busy with earlier bytes. *sent (may be NULL) becomes the number of bytes taken, which is `length` for
// CPRS_OK. CPRS_WANT_READ: the daemon waits until its decisions are taken; take them, then send the rest.
CPRS_API cprs_status cprs_send_chunk(
    cprs_call *call, const void *text, size_t length, const char *document_id, size_t *sent, cprs_error *error);

// Says that the context ends here. Decisions go on coming.
CPRS_API cprs_status cprs_finish(cprs_call *call, cprs_error *error);

// Takes the next decision, waiting at most timeout_ms (negative: as long as it takes; 0: not at all). CPRS_OK: *decision
// is valid until the next call of this function for the same call. CPRS_AGAIN: none yet. CPRS_END: that was the last.
CPRS_API cprs_status cprs_next_decision(
    cprs_call *call, int timeout_ms, const cprs_decision **decision, cprs_error *error);

// The summary; NULL before cprs_next_decision returned CPRS_END. Valid until cprs_call_free.
CPRS_API const cprs_summary *cprs_call_summary(cprs_call *call);

// Stops the call: the daemon frees its core within one window, and all functions on this call return CPRS_CANCELLED.
// May be called from any thread.
CPRS_API void cprs_cancel(cprs_call *call);

// Cancels the call if it has not ended, and frees it. No other thread may use it any more.
CPRS_API void cprs_call_free(cprs_call *call);

// ---- In one go -----------------------------------------------------------------------------------------------------

// What stays of a text.
typedef struct cprs_result {
    const uint8_t *text;  // the kept pieces, one after the other; the caller's own text if `unchanged`
    size_t length;
    int unchanged;        // 1: nothing was compressed, `error` says why
    cprs_error error;
    cprs_span *spans;     // where the pieces lie in the input; tags are valid until cprs_result_free
    size_t span_count;
    cprs_summary summary;
    void *owned;          // for cprs_result_free
} cprs_result;

// Told of each decision as it arrives, on the calling thread; a result other than 0 cancels the call.
typedef int (*cprs_decision_callback)(const cprs_decision *decision, void *context);

// Compresses a text that is at hand. Tries up to three times while the daemon is away or busy. On failure *result is
// empty. include_text, include_provisional and include_token_scores are not used.
CPRS_API cprs_status cprs_compress(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, cprs_result *result,
    cprs_error *error);

// The same, telling each decision when it arrives; one attempt.
CPRS_API cprs_status cprs_compress_with(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, cprs_decision_callback callback,
    void *context, cprs_result *result, cprs_error *error);

// Compresses a text, or hands it back unchanged when the daemon is away, busy, later than timeout_ms, or the request is
// wrong. Always fills *result.
CPRS_API void cprs_compress_or_unchanged(
    cprs_client *client, const cprs_request *request, const void *text, size_t length, uint32_t timeout_ms,
    cprs_result *result);

// Frees what a result owns; it may be called more than once.
CPRS_API void cprs_result_free(cprs_result *result);

// Tokens of a text, as budgets count them. The text and its tokens go in one message, at most 4 MB.
CPRS_API cprs_status cprs_count_tokens(
    cprs_client *client, const void *text, size_t length, uint32_t timeout_ms, uint64_t *tokens, cprs_error *error);

#ifdef __cplusplus
}
#endif

#endif
