#ifndef CPRS_INTERNAL_H
#define CPRS_INTERNAL_H

// How the library is built.
//
//   compress.c    a whole text in one go, fail-open
//   call.c        one RPC: what waits to be sent, what arrived, how it ended
//   connection.c  one HTTP/2 connection over the socket, driven by whichever thread waits
//   request.c, decision.c, status.c   the public structs from and to messages
//
// Everything in a client and its calls is guarded by client->lock, except what says otherwise.

#include "include/cprs.h"

#include "generated/cprs.pb-c.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    // Bytes of text in one message. Large enough that framing costs nothing, small enough to be scored while the rest
    // is on its way.
    CPRS_CHUNK_BYTES = 128 * 1024,
    // The HTTP/2 flow-control window of a call, and how many bytes of messages may wait for the caller before the window
    // is no longer refilled. Together they bound a call's memory.
    CPRS_STREAM_WINDOW = 1 << 20,
    CPRS_QUEUE_BYTES = 512 * 1024,
    // Largest message that is accepted; the daemon's are smaller.
    CPRS_MAX_MESSAGE = 16 << 20,
    // Bytes that one write to the socket gathers.
    CPRS_WRITE_BYTES = 64 * 1024,
};

// A message that arrived whole and was not taken yet.
typedef struct cprs_message {
    struct cprs_message *next;
    size_t length;
    uint8_t bytes[];
} cprs_message;

struct cprs_client {
    pthread_mutex_t lock;
    pthread_cond_t changed;  // after anything happened that some thread may wait for
    int wake;                // eventfd: ends the poll of the thread that polls
    bool is_polling;         // one thread at a time polls the socket, for all
    bool polls_output;       // it waits for room to write, too, or was woken to do so
    char socket_path[108];

    int socket;  // -1 without a connection
    nghttp2_session *session;
    bool is_draining;  // the daemon said GOAWAY: no new calls on this connection
    uint8_t *output;   // CPRS_WRITE_BYTES
    size_t output_length, output_sent;

    cprs_call *calls;
};

struct cprs_call {
    cprs_client *client;
    cprs_call *next;
    int32_t stream;  // -1 once the HTTP/2 stream is closed
    uint64_t deadline_ns;  // CLOCK_MONOTONIC; 0: none

    // Outgoing: one message at a time.
    uint8_t *outgoing;
    size_t outgoing_length, outgoing_sent, outgoing_capacity;
    bool is_deferred;  // nghttp2 waits to be told of more
    bool is_finished;  // no message follows

    // Incoming: the message that is being received, then those that wait.
    uint8_t prefix[5];
    size_t prefix_length;
    cprs_message *partial;
    size_t partial_length;
    cprs_message *first, *last;
    size_t queued_bytes;
    size_t unconsumed;  // bytes that the flow-control window was not refilled with yet

    // How it ended.
    int http_status;
    int grpc_status;  // -1 unless the daemon sent one
    char grpc_message[512];
    uint8_t details[4096];
    size_t details_length;
    cprs_error error;  // status CPRS_OK while it runs and after a good end

    // What the caller was given.
    Cprs__V1__CompressResponse *response;
    cprs_decision decision;
    cprs_span *spans;
    bool has_summary, is_done;
    cprs_summary summary;
};

// ---- connection.c (all with the lock held)

// Connects if there is no usable connection.
cprs_status cprs_connect(cprs_client *client, cprs_error *error);

// Opens the stream of a new call with its headers; the first message lies in call->outgoing.
cprs_status cprs_open_stream(cprs_call *call, const char *method, uint32_t timeout_ms, cprs_error *error);

// Runs the connection until is_ready(call), the call's end, or `until_ns` (CLOCK_MONOTONIC; 0: no end). True unless
// time ran out.
bool cprs_run(cprs_call *call, bool (*is_ready)(const cprs_call *), uint64_t until_ns);

// Moves what can be moved without waiting.
void cprs_move(cprs_client *client);

// Gives the flow-control window back to the daemon as far as the caller has taken messages.
void cprs_refill(cprs_call *call);


// Tells the daemon that nobody wants the rest; sends nothing yet, so it may be called from nghttp2's callbacks.
void cprs_reset_stream(cprs_call *call);

// Closes the connection; calls that had not ended end with CPRS_UNAVAILABLE and this reason.
void cprs_disconnect(cprs_client *client, const char *reason);

uint64_t cprs_now_ns(void);

// ---- call.c

// Takes bytes of the response's body.
void cprs_call_receive(cprs_call *call, const uint8_t *bytes, size_t length);
// The HTTP/2 stream ended; error_code is its RST_STREAM code, or 0.
void cprs_call_closed(cprs_call *call, uint32_t error_code);
// Ends the call on this side.
void cprs_call_fail(cprs_call *call, cprs_status status, const char *message);
// Starts any RPC with one message; the lock is not held.
cprs_call *cprs_call_start(
    cprs_client *client, const char *method, const ProtobufCMessage *message, uint32_t timeout_ms, bool is_last,
    cprs_error *error);
// Waits for a message and takes it; NULL at the call's end, or if time ran out (*timed_out). The lock is not held.
cprs_message *cprs_call_take(cprs_call *call, uint64_t until_ns, bool *timed_out);
// How the call ended, after cprs_call_take returned NULL. The lock is not held.
cprs_status cprs_call_result(cprs_call *call, cprs_error *error);

// ---- request.c

// The messages of a request; strings are the caller's. *begin points to *selection.
void cprs_fill_begin(const cprs_request *request, Cprs__V1__Begin *begin, Cprs__V1__Selection *selection);
// A request of an older, shorter struct, completed.
cprs_request cprs_complete_request(const cprs_request *request);

// ---- decision.c

cprs_status cprs_read_decisions(cprs_call *call, const Cprs__V1__Decisions *decisions);
void cprs_read_accepted(cprs_call *call, const Cprs__V1__Accepted *accepted);
void cprs_read_summary(cprs_call *call, const Cprs__V1__Summary *summary);

// ---- status.c

void cprs_clear_error(cprs_error *error);
// Fills *error (which may be NULL) and returns `status`.
cprs_status cprs_fail(cprs_error *error, cprs_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// What the daemon's status, message and details amount to.
void cprs_read_status(const cprs_call *call, cprs_error *error);
// Undoes the percent-encoding of grpc-message, in place.
void cprs_decode_percent(char *text);
// Decodes base64, padded or not; the number of bytes written, at most capacity.
size_t cprs_decode_base64(const uint8_t *text, size_t length, uint8_t *bytes, size_t capacity);

#endif
