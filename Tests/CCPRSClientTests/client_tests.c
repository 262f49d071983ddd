// client_tests SCENARIO SOCKET: what the library makes of a server. Exits 0 if every expectation held.
#include <cprs.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                      \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition);           \
            failures++;                                                                        \
        }                                                                                      \
    } while (0)

#define EXPECT_STATUS(got, expected)                                                           \
    do {                                                                                       \
        cprs_status got_ = (got);                                                              \
        if (got_ != (expected)) {                                                              \
            fprintf(                                                                           \
                stderr, "%s:%d: expected %s, got %s: %s\n", __FILE__, __LINE__,                \
                cprs_status_name(expected), cprs_status_name(got_), error.message);            \
            failures++;                                                                        \
        }                                                                                      \
    } while (0)

static const char text[] = "hello, world: a text for a server.";
static cprs_error error;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

// Where every byte has shadows, memory says nothing of the library.
static int is_instrumented(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return 1;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return 1;
#endif
#endif
    return getenv("UNDER_VALGRIND") != NULL;
}

// In KB. Not getrusage, which counts the process that started this one.
static long peak_memory(void) {
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long peak = -1;
    while (status != NULL && fgets(line, sizeof line, status) != NULL) {
        if (sscanf(line, "VmHWM: %ld", &peak) == 1) break;
    }
    if (status != NULL) fclose(status);
    return peak;
}

static cprs_client *open_client(const char *path) {
    cprs_client *client = cprs_client_open(path, &error);
    if (client == NULL) {
        fprintf(stderr, "no client: %s\n", error.message);
        exit(2);
    }
    return client;
}

static cprs_request question(void) {
    cprs_request request = CPRS_REQUEST_INIT;
    request.query = "who?";
    request.timeout_ms = 20000;
    return request;
}

// One attempt at the whole text.
static cprs_status once(cprs_client *client, cprs_result *result) {
    cprs_request request = question();
    return cprs_compress_with(client, &request, text, sizeof text - 1, NULL, NULL, result, &error);
}

static void expect_failure(const char *path, cprs_status expected) {
    cprs_client *client = open_client(path);
    cprs_result result;
    EXPECT_STATUS(once(client, &result), expected);
    EXPECT(error.message[0] != 0);
    EXPECT(result.text == NULL && result.owned == NULL);
    // A failed call leaves a client that can be used, and that fails open.
    cprs_request request = question();
    cprs_compress_or_unchanged(client, &request, text, sizeof text - 1, 300, &result);
    EXPECT(result.unchanged && result.text == (const uint8_t *)text && result.length == sizeof text - 1);
    EXPECT(result.error.status != CPRS_OK);
    cprs_result_free(&result);
    cprs_result_free(&result);
    cprs_client_close(client);
}

static void expect_success(const char *path) {
    cprs_client *client = open_client(path);
    for (int round = 0; round < 3; round++) {
        cprs_result result;
        EXPECT_STATUS(once(client, &result), CPRS_OK);
        EXPECT(result.length == 5 && memcmp(result.text, "hello", 5) == 0);
        EXPECT(result.span_count == 1 && strcmp(result.spans[0].tag, "tag") == 0);
        EXPECT(result.summary.input_bytes == sizeof text - 1);
        EXPECT(strcmp(result.summary.model_name, "scripted") == 0);
        EXPECT(strcmp(result.summary.request_id, "request-1") == 0);
        cprs_result_free(&result);
    }
    cprs_client_close(client);
}

static void details(const char *path) {
    cprs_client *client = open_client(path);
    cprs_result result;
    EXPECT_STATUS(once(client, &result), CPRS_INVALID_TEXT);
    EXPECT(error.grpc_code == 3 && error.byte_offset == 7 && error.minimum_tokens == -1);
    EXPECT(strcmp(error.field, "chunk.text") == 0);
    cprs_client_close(client);
}

static void busy(const char *path) {
    cprs_client *client = open_client(path);
    cprs_result result;
    EXPECT_STATUS(once(client, &result), CPRS_OVERLOADED);
    EXPECT(error.grpc_code == 8 && error.retry_after_ms == 1500);
    EXPECT(strcmp(error.message, "100% busy") == 0);
    cprs_client_close(client);
}

static void deadline(const char *path) {
    cprs_client *client = open_client(path);
    cprs_request request = question();
    request.timeout_ms = 200;
    static char large[4 << 20];
    memset(large, 'a', sizeof large);
    cprs_result result;
    double start = seconds();
    EXPECT_STATUS(
        cprs_compress(client, &request, large, sizeof large, &result, &error), CPRS_DEADLINE_EXCEEDED);
    EXPECT(seconds() - start < 10);
    cprs_client_close(client);
}

// A single thread that sends first and reads later must be told to read, not wait for ever.
static void want_read(const char *path) {
    cprs_client *client = open_client(path);
    cprs_request request = question();
    request.include_text = 1;
    cprs_call *call = cprs_begin(client, &request, &error);
    EXPECT(call != NULL);
    static char large[1 << 20];
    memset(large, 'a', sizeof large);
    size_t done = 0, decisions = 0;
    int wants = 0;
    const cprs_decision *decision;
    while (done < sizeof large && call != NULL) {
        size_t sent;
        cprs_status status = cprs_send_chunk(call, large + done, sizeof large - done, NULL, &sent, &error);
        done += sent;
        if (status == CPRS_OK) break;
        EXPECT_STATUS(status, CPRS_WANT_READ);
        if (status != CPRS_WANT_READ) break;
        wants++;
        while (cprs_next_decision(call, 0, &decision, &error) == CPRS_OK) decisions++;
    }
    EXPECT(wants > 0 && done == sizeof large);
    EXPECT_STATUS(cprs_finish(call, &error), CPRS_OK);
    cprs_status status;
    while ((status = cprs_next_decision(call, -1, &decision, &error)) == CPRS_OK) decisions++;
    EXPECT_STATUS(status, CPRS_END);
    EXPECT(decisions == 64);
    EXPECT(cprs_call_summary(call)->input_bytes == sizeof large);
    cprs_call_free(call);
    cprs_client_close(client);
}

// A slow reader is sent no more than it takes: memory stays small however much there is.
static void flood(const char *path) {
    cprs_client *client = open_client(path);
    cprs_request request = question();
    request.include_text = 1;
    cprs_call *call = cprs_begin(client, &request, &error);
    EXPECT_STATUS(cprs_send_chunk(call, text, sizeof text - 1, NULL, NULL, &error), CPRS_OK);
    EXPECT_STATUS(cprs_finish(call, &error), CPRS_OK);
    const cprs_decision *decision;
    size_t count = 0;
    cprs_status status;
    while ((status = cprs_next_decision(call, -1, &decision, &error)) == CPRS_OK) {
        EXPECT(decision->final_bytes == count + 1 && decision->spans[0].text_length == 65536);
        if (count++ < 100) usleep(2000);
    }
    EXPECT_STATUS(status, CPRS_END);
    EXPECT(count == 1600);
    printf("flood: 100 MB of decisions, peak RSS %ld KB\n", peak_memory());
    if (!is_instrumented()) EXPECT(peak_memory() < 8 * 1024);
    cprs_call_free(call);
    cprs_client_close(client);
}

static void sink(const char *path) {
    cprs_client *client = open_client(path);
    size_t length = getenv("UNDER_VALGRIND") == NULL ? (size_t)256 << 20 : (size_t)8 << 20;
    char *large = malloc(length);
    memset(large, 'a', length);
    cprs_request request = question();
    cprs_result result;
    double start = seconds();
    clock_t processor = clock();
    EXPECT_STATUS(cprs_compress(client, &request, large, length, &result, &error), CPRS_OK);
    double time = seconds() - start;
    double own = (double)(clock() - processor) / CLOCKS_PER_SEC;
    // The server counts framing too: a prefix and a few tags for each message.
    EXPECT(result.summary.input_bytes >= length && result.summary.input_bytes < length + length / 1000);
    printf(
        "sink: %zu MB at %.0f MB/s, with %.2f ms of this end's processor time per MB\n", length >> 20,
        (double)length / time / 1e6, own * 1e9 / (double)length);
    cprs_result_free(&result);
    free(large);
    cprs_client_close(client);
}

// ---- Threads: one sends, one takes; several calls share a client.

static void *take_decisions(void *context) {
    cprs_call *call = context;
    const cprs_decision *decision;
    cprs_error mine;
    cprs_status status;
    while ((status = cprs_next_decision(call, -1, &decision, &mine)) == CPRS_OK) {
    }
    if (status != CPRS_END) fprintf(stderr, "%s: %s\n", cprs_status_name(status), mine.message);
    return (void *)(uintptr_t)status;
}

static void two_threads(const char *path) {
    cprs_client *client = open_client(path);
    cprs_request request = question();
    cprs_call *call = cprs_begin(client, &request, &error);
    pthread_t taker;
    pthread_create(&taker, NULL, take_decisions, call);
    static char large[8 << 20];
    memset(large, 'a', sizeof large);
    EXPECT_STATUS(cprs_send_chunk(call, large, sizeof large, "a document", NULL, &error), CPRS_OK);
    EXPECT_STATUS(cprs_finish(call, &error), CPRS_OK);
    void *status;
    pthread_join(taker, &status);
    EXPECT((uintptr_t)status == CPRS_END);
    cprs_call_free(call);
    cprs_client_close(client);
}

static void *cancel_soon(void *call) {
    usleep(100000);
    cprs_cancel(call);
    return NULL;
}

static void cancel(const char *path) {
    cprs_client *client = open_client(path);
    cprs_request request = question();
    cprs_call *call = cprs_begin(client, &request, &error);
    pthread_t canceller;
    pthread_create(&canceller, NULL, cancel_soon, call);
    const cprs_decision *decision;
    EXPECT_STATUS(cprs_next_decision(call, -1, &decision, &error), CPRS_CANCELLED);
    pthread_join(canceller, NULL);
    EXPECT_STATUS(cprs_send_chunk(call, "x", 1, NULL, NULL, &error), CPRS_CANCELLED);
    EXPECT_STATUS(cprs_next_decision(call, 0, &decision, &error), CPRS_CANCELLED);
    cprs_call_free(call);
    cprs_client_close(client);
}

static void away(const char *path) {
    (void)path;
    expect_failure("/nonexistent/cprsd.sock", CPRS_UNAVAILABLE);
    char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    EXPECT(cprs_client_open(long_path, &error) == NULL);
    EXPECT(error.status == CPRS_INVALID_ARGUMENT);
}

// ---- The real daemon

static int count_decision(const cprs_decision *decision, void *context) {
    (void)decision;
    *(int *)context += 1;
    return 0;
}

static int stop_at_once(const cprs_decision *decision, void *context) {
    (void)decision;
    (void)context;
    return 1;
}

// After its deadline the daemon keeps what it has not scored: what remains is transport, digests and answers.
static void stubbed(cprs_client *client) {
    size_t length = getenv("UNDER_VALGRIND") == NULL ? (size_t)256 << 20 : (size_t)1 << 20;
    char *large = malloc(length);
    for (size_t i = 0; i < length; i++) large[i] = "the quick brown fox \n"[i % 21];
    cprs_request request = question();
    request.deadline_ms = 1;
    request.partial_after_deadline = 1;
    double start = seconds();
    cprs_call *call = cprs_begin(client, &request, &error);
    EXPECT(call != NULL);
    pthread_t taker;
    pthread_create(&taker, NULL, take_decisions, call);
    EXPECT_STATUS(cprs_send_chunk(call, large, length, NULL, NULL, &error), CPRS_OK);
    EXPECT_STATUS(cprs_finish(call, &error), CPRS_OK);
    void *status;
    pthread_join(taker, &status);
    EXPECT((uintptr_t)status == CPRS_END);
    double time = seconds() - start;
    const cprs_summary *summary = cprs_call_summary(call);
    EXPECT(summary != NULL && summary->input_bytes == length);
    printf("daemon: %zu MB at %.0f MB/s, without scoring\n", length >> 20, (double)length / time / 1e6);
    cprs_call_free(call);
    free(large);
}

static void daemon_calls(const char *path) {
    cprs_client *client = open_client(path);
    static const char story[] = "The meeting began at nine. Alice signed the contract in Paris. Then it rained. ";
    size_t length = 0, capacity = 200 * sizeof story;
    char *context = malloc(capacity);
    for (int i = 0; i < 200; i++) {
        memcpy(context + length, story, sizeof story - 1);
        length += sizeof story - 1;
    }
    cprs_request request = CPRS_REQUEST_INIT;
    request.query = "Who signed the contract?";
    request.max_tokens = 100;
    cprs_result result;
    EXPECT_STATUS(cprs_compress(client, &request, context, length, &result, &error), CPRS_OK);
    EXPECT(result.summary.input_bytes == length && result.summary.kept_tokens <= 100);
    EXPECT(result.length == result.summary.kept_bytes);
    size_t place = 0;
    for (size_t i = 0; i < result.span_count; i++) {
        size_t bytes = (size_t)(result.spans[i].end - result.spans[i].start);
        EXPECT(memcmp(result.text + place, context + result.spans[i].start, bytes) == 0);
        place += bytes;
    }
    EXPECT(place == result.length);
    cprs_result_free(&result);

    request.max_tokens = 0;
    int count = 0;
    EXPECT_STATUS(
        cprs_compress_with(client, &request, context, length, count_decision, &count, &result, &error), CPRS_OK);
    EXPECT(count > 0);
    cprs_result_free(&result);
    EXPECT_STATUS(
        cprs_compress_with(client, &request, context, length, stop_at_once, NULL, &result, &error), CPRS_CANCELLED);

    // Scores that are kept answer another selection.
    request.retain_scores = 1;
    EXPECT_STATUS(cprs_compress(client, &request, context, length, &result, &error), CPRS_OK);
    char id[64];
    memcpy(id, result.summary.request_id, sizeof id);
    cprs_result_free(&result);
    cprs_request selection = CPRS_REQUEST_INIT;
    selection.max_tokens = 20;
    cprs_call *recut = cprs_begin_recut(client, id, &selection, &error);
    EXPECT(recut != NULL);
    const cprs_decision *decision;
    cprs_status status;
    while ((status = cprs_next_decision(recut, -1, &decision, &error)) == CPRS_OK) {
    }
    EXPECT_STATUS(status, CPRS_END);
    EXPECT(cprs_call_summary(recut)->kept_tokens <= 20);
    cprs_call_free(recut);

    uint64_t tokens;
    EXPECT_STATUS(cprs_count_tokens(client, context, length, 5000, &tokens, &error), CPRS_OK);
    EXPECT(tokens > 1000);
    request.granularity = (cprs_granularity)99;
    EXPECT_STATUS(cprs_compress(client, &request, context, length, &result, &error), CPRS_INVALID_ARGUMENT);
    EXPECT(strstr(error.field, "granularity") != NULL);
    request.granularity = CPRS_GRANULARITY_DEFAULT;
    EXPECT_STATUS(cprs_compress(client, &request, "ab\xff", 3, &result, &error), CPRS_INVALID_TEXT);
    EXPECT(error.byte_offset == 2);

    // 1 KB: the time beyond the daemon's own.
    double over[51];
    request.retain_scores = 0;
    for (int i = 0; i < 51; i++) {
        double start = seconds();
        EXPECT_STATUS(cprs_compress(client, &request, context, 1000, &result, &error), CPRS_OK);
        over[i] = (seconds() - start) * 1e3 - (double)result.summary.total_us / 1e3;
        cprs_result_free(&result);
    }
    for (int i = 1; i < 51; i++) {
        for (int j = i; j > 0 && over[j] < over[j - 1]; j--) {
            double swap = over[j];
            over[j] = over[j - 1];
            over[j - 1] = swap;
        }
    }
    printf(
        "daemon: 1 KB round trip %.2f ms over the daemon's own time, median of 51; peak RSS %ld KB\n", over[25],
        peak_memory());
    free(context);
    stubbed(client);
    cprs_client_close(client);
}

int main(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: client_tests SCENARIO SOCKET\n");
        return 64;
    }
    static const struct {
        const char *name;
        void (*run)(const char *path);
        cprs_status failure;
    } tests[] = {
        {"good", expect_success, CPRS_OK},
        {"byte_by_byte", expect_success, CPRS_OK},
        {"goaway_during", expect_success, CPRS_OK},
        {"trailers_only", busy, CPRS_OK},
        {"invalid_text", details, CPRS_OK},
        {"goaway_first", NULL, CPRS_UNAVAILABLE},
        {"refused", NULL, CPRS_UNAVAILABLE},
        {"cancelled", NULL, CPRS_CANCELLED},
        {"calm", NULL, CPRS_OVERLOADED},
        {"reset", NULL, CPRS_INTERNAL},
        {"dies_in_message", NULL, CPRS_UNAVAILABLE},
        {"ends_in_message", NULL, CPRS_INTERNAL},
        {"huge_message", NULL, CPRS_INTERNAL},
        {"compressed_message", NULL, CPRS_INTERNAL},
        {"bad_protobuf", NULL, CPRS_INTERNAL},
        {"wild_span", NULL, CPRS_INTERNAL},
        {"no_status", NULL, CPRS_INTERNAL},
        {"no_summary", NULL, CPRS_INTERNAL},
        {"http_503", NULL, CPRS_UNAVAILABLE},
        {"garbage", NULL, CPRS_UNAVAILABLE},
        {"silent", deadline, CPRS_OK},
        {"deaf", deadline, CPRS_OK},
        {"wants_reader", want_read, CPRS_OK},
        {"flood", flood, CPRS_OK},
        {"sink", sink, CPRS_OK},
        {"two_threads", two_threads, CPRS_OK},
        {"cancel", cancel, CPRS_OK},
        {"away", away, CPRS_OK},
        {"daemon", daemon_calls, CPRS_OK},
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (strcmp(arguments[1], tests[i].name) != 0) continue;
        if (tests[i].run != NULL) {
            tests[i].run(arguments[2]);
        } else {
            expect_failure(arguments[2], tests[i].failure);
        }
        return failures == 0 ? 0 : 1;
    }
    fprintf(stderr, "no scenario %s\n", arguments[1]);
    return 64;
}
