#include "internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

uint64_t cprs_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// ---- The client

cprs_client *cprs_client_open(const char *socket_path, cprs_error *error) {
    cprs_clear_error(error);
    if (socket_path == NULL) socket_path = getenv("CPRS_SOCKET");
    if (socket_path == NULL) socket_path = "/run/cprs/cprsd.sock";
    cprs_client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        cprs_fail(error, CPRS_NO_MEMORY, "no memory for a client");
        return NULL;
    }
    if (strlen(socket_path) >= sizeof client->socket_path) {
        cprs_fail(
            error, CPRS_INVALID_ARGUMENT, "socket_path may have at most %zu bytes (got %zu)",
            sizeof client->socket_path - 1, strlen(socket_path));
        free(client);
        return NULL;
    }
    strcpy(client->socket_path, socket_path);
    client->socket = -1;
    client->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    client->output = malloc(CPRS_WRITE_BYTES);
    if (client->wake < 0 || client->output == NULL) {
        cprs_fail(error, CPRS_NO_MEMORY, "no memory or descriptor for a client: %s", strerror(errno));
        if (client->wake >= 0) close(client->wake);
        free(client->output);
        free(client);
        return NULL;
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&client->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&client->lock, NULL);
    return client;
}

void cprs_client_close(cprs_client *client) {
    if (client == NULL) return;
    pthread_mutex_lock(&client->lock);
    if (client->session != NULL) {
        nghttp2_session_terminate_session(client->session, NGHTTP2_NO_ERROR);
        cprs_move(client);
    }
    cprs_disconnect(client, "the client was closed");
    pthread_mutex_unlock(&client->lock);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    close(client->wake);
    free(client->output);
    free(client);
}

// ---- What nghttp2 tells

static int on_header(
    nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_length,
    const uint8_t *value, size_t value_length, uint8_t flags, void *user) {
    (void)flags;
    (void)user;
    cprs_call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call == NULL) return 0;
#define IS(text) (name_length == sizeof text - 1 && memcmp(name, text, sizeof text - 1) == 0)
    // nghttp2 ends every value with a zero, so atoi is safe.
    if (IS(":status")) {
        call->http_status = atoi((const char *)value);
    } else if (IS("grpc-status")) {
        call->grpc_status = atoi((const char *)value);
    } else if (IS("grpc-message")) {
        size_t length = value_length < sizeof call->grpc_message - 1 ? value_length : sizeof call->grpc_message - 1;
        memcpy(call->grpc_message, value, length);
        call->grpc_message[length] = 0;
        cprs_decode_percent(call->grpc_message);
    } else if (IS("grpc-status-details-bin")) {
        call->details_length = cprs_decode_base64(value, value_length, call->details, sizeof call->details);
    }
#undef IS
    return 0;
}

static int on_data(
    nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes, size_t length, void *user) {
    (void)flags;
    (void)user;
    cprs_call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call == NULL) {
        // Nobody wants it any more; the connection's window must not shrink for that.
        nghttp2_session_consume(session, stream, length);
        return 0;
    }
    call->unconsumed += length;
    cprs_call_receive(call, bytes, length);
    cprs_refill(call);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream, uint32_t error_code, void *user) {
    (void)user;
    cprs_call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call == NULL) return 0;
    // What was not taken yet no longer counts against the connection.
    if (call->unconsumed > 0) nghttp2_session_consume_connection(session, call->unconsumed);
    call->unconsumed = 0;
    call->stream = -1;
    cprs_call_closed(call, error_code);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)session;
    cprs_client *client = user;
    if (frame->hd.type == NGHTTP2_GOAWAY) client->is_draining = true;
    return 0;
}

// Gives nghttp2 the next bytes of the call's message.
static ssize_t read_outgoing(
    nghttp2_session *session, int32_t stream, uint8_t *bytes, size_t capacity, uint32_t *flags,
    nghttp2_data_source *source, void *user) {
    (void)session;
    (void)stream;
    (void)user;
    cprs_call *call = source->ptr;
    size_t left = call->outgoing_length - call->outgoing_sent;
    size_t length = left < capacity ? left : capacity;
    if (length > 0) memcpy(bytes, call->outgoing + call->outgoing_sent, length);
    call->outgoing_sent += length;
    if (length == left && call->is_finished) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (length == 0) {
        call->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }
    return (ssize_t)length;
}

// ---- The connection

static nghttp2_session *new_session(cprs_client *client) {
    nghttp2_session_callbacks *callbacks = NULL;
    nghttp2_option *option = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&callbacks) == 0 && nghttp2_option_new(&option) == 0) {
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        // Windows are refilled when the caller has taken what arrived, so that a slow reader slows its sender down.
        nghttp2_option_set_no_auto_window_update(option, 1);
        if (nghttp2_session_client_new2(&session, callbacks, client, option) != 0) session = NULL;
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (session == NULL) return NULL;
    nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CPRS_STREAM_WINDOW},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof settings[0]);
    // The connection's own window never binds: each call's does.
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, INT32_MAX);
    return session;
}

cprs_status cprs_connect(cprs_client *client, cprs_error *error) {
    if (client->socket >= 0) cprs_move(client);
    if (client->socket >= 0 && !client->is_draining && nghttp2_session_check_request_allowed(client->session)) {
        return CPRS_OK;
    }
    if (client->socket >= 0) {
        for (const cprs_call *call = client->calls; call != NULL; call = call->next) {
            // The old connection still serves calls of other threads, and it is theirs to its end.
            if (call->stream >= 0) {
                return cprs_fail(error, CPRS_UNAVAILABLE, "the daemon is stopping; connect again");
            }
        }
        cprs_disconnect(client, "the daemon is stopping");
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0) return cprs_fail(error, CPRS_UNAVAILABLE, "no socket: %s", strerror(errno));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, client->socket_path, sizeof address.sun_path);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
        int reason = errno;
        close(descriptor);
        return cprs_fail(
            error, CPRS_UNAVAILABLE, "%s: cannot connect to the daemon: %s", client->socket_path,
            reason == EAGAIN ? "too many connections wait" : strerror(reason));
    }
    client->session = new_session(client);
    if (client->session == NULL) {
        close(descriptor);
        return cprs_fail(error, CPRS_NO_MEMORY, "no memory for an HTTP/2 session");
    }
    client->socket = descriptor;
    client->is_draining = false;
    client->output_length = client->output_sent = 0;
    return CPRS_OK;
}

void cprs_disconnect(cprs_client *client, const char *reason) {
    if (client->socket < 0) return;
    close(client->socket);
    client->socket = -1;
    for (cprs_call *call = client->calls; call != NULL; call = call->next) {
        if (call->stream < 0) continue;
        call->stream = -1;
        call->unconsumed = 0;
        // A status that arrived before the connection broke stands.
        if (call->grpc_status >= 0) {
            cprs_call_closed(call, 0);
        } else {
            cprs_call_fail(call, CPRS_UNAVAILABLE, reason);
        }
    }
    nghttp2_session_del(client->session);
    client->session = NULL;
    pthread_cond_broadcast(&client->changed);
}

// Writes what nghttp2 has to say; false if the connection broke.
static bool write_output(cprs_client *client) {
    while (true) {
        if (client->output_sent == client->output_length) {
            client->output_length = client->output_sent = 0;
            // A frame may be larger than what is left of the buffer, so this gathers only while a whole one fits.
            while (CPRS_WRITE_BYTES - client->output_length >= 16384 + 9) {
                const uint8_t *bytes;
                ssize_t length = nghttp2_session_mem_send(client->session, &bytes);
                if (length < 0) return false;
                if (length == 0) break;
                if ((size_t)length > CPRS_WRITE_BYTES - client->output_length) return false;
                memcpy(client->output + client->output_length, bytes, (size_t)length);
                client->output_length += (size_t)length;
            }
            if (client->output_length == 0) return true;
        }
        ssize_t written = send(
            client->socket, client->output + client->output_sent, client->output_length - client->output_sent,
            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        client->output_sent += (size_t)written;
    }
}

// Reads what has arrived; false if the connection broke or was closed.
static bool read_input(cprs_client *client) {
    uint8_t bytes[16384];
    while (true) {
        ssize_t length = recv(client->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (length < 0) {
            if (errno == EINTR) continue;
            return errno == EAGAIN || errno == EWOULDBLOCK;
        }
        if (length == 0) return false;
        if (nghttp2_session_mem_recv(client->session, bytes, (size_t)length) != length) return false;
        if ((size_t)length < sizeof bytes) return true;
    }
}

void cprs_move(cprs_client *client) {
    if (client->socket < 0) return;
    bool is_well = write_output(client);
    // Also after a broken write: the daemon may have said why.
    is_well = read_input(client) && is_well;
    if (is_well) is_well = write_output(client);
    if (!is_well) cprs_disconnect(client, "the daemon closed the connection");
    if (client->output_sent < client->output_length && client->is_polling && !client->polls_output) {
        // The thread that polls does not know that there is something to be written, and this one may go away.
        uint64_t one = 1;
        ssize_t written = write(client->wake, &one, sizeof one);
        (void)written;  // a full counter wakes it as well
        client->polls_output = true;
    }
    pthread_cond_broadcast(&client->changed);
}

// Waits until the socket can be read (or written, if something waits), another thread wakes this one, or time is up.
static void wait_for_socket(cprs_client *client, uint64_t until_ns) {
    bool has_output = client->output_sent < client->output_length;
    struct pollfd polled[2] = {
        {.fd = client->socket, .events = (short)(POLLIN | (has_output ? POLLOUT : 0))},
        {.fd = client->wake, .events = POLLIN},
    };
    struct timespec timeout = {0, 0};
    uint64_t now = cprs_now_ns();
    if (until_ns > now) {
        timeout.tv_sec = (time_t)((until_ns - now) / 1000000000u);
        timeout.tv_nsec = (long)((until_ns - now) % 1000000000u);
    }
    client->is_polling = true;
    client->polls_output = has_output;
    pthread_mutex_unlock(&client->lock);
    ppoll(polled, 2, until_ns == 0 ? NULL : &timeout, NULL);
    pthread_mutex_lock(&client->lock);
    client->is_polling = false;
    uint64_t count;
    if (read(client->wake, &count, sizeof count) < 0) count = 0;
    // Whoever waited for this thread may have to poll in its place.
    pthread_cond_broadcast(&client->changed);
}

static void wait_for_poller(cprs_client *client, uint64_t until_ns) {
    if (until_ns == 0) {
        pthread_cond_wait(&client->changed, &client->lock);
    } else {
        struct timespec until = {
            .tv_sec = (time_t)(until_ns / 1000000000u), .tv_nsec = (long)(until_ns % 1000000000u)};
        pthread_cond_timedwait(&client->changed, &client->lock, &until);
    }
}

bool cprs_run(cprs_call *call, bool (*is_ready)(const cprs_call *), uint64_t until_ns) {
    cprs_client *client = call->client;
    while (true) {
        if (call->stream >= 0) cprs_move(client);
        if (is_ready(call) || call->stream < 0) return true;
        uint64_t now = cprs_now_ns();
        if (call->deadline_ns != 0 && now >= call->deadline_ns) {
            cprs_call_fail(call, CPRS_DEADLINE_EXCEEDED, "the deadline passed");
            cprs_reset_stream(call);
            cprs_move(client);
            return true;
        }
        if (until_ns != 0 && now >= until_ns) return false;
        uint64_t until = until_ns;
        if (call->deadline_ns != 0 && (until == 0 || call->deadline_ns < until)) until = call->deadline_ns;
        if (client->is_polling) {
            wait_for_poller(client, until);
        } else {
            wait_for_socket(client, until);
        }
    }
}

void cprs_refill(cprs_call *call) {
    // A message in parts must come in whole, whatever waits before it; so the window is refilled until one is there.
    if (call->stream < 0 || call->unconsumed == 0) return;
    if (call->queued_bytes >= CPRS_QUEUE_BYTES && call->first != NULL) return;
    nghttp2_session_consume(call->client->session, call->stream, call->unconsumed);
    call->unconsumed = 0;
}

void cprs_reset_stream(cprs_call *call) {
    if (call->stream < 0) return;
    nghttp2_session *session = call->client->session;
    nghttp2_session_set_stream_user_data(session, call->stream, NULL);
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    if (call->unconsumed > 0) nghttp2_session_consume_connection(session, call->unconsumed);
    call->unconsumed = 0;
    call->stream = -1;
}

cprs_status cprs_open_stream(cprs_call *call, const char *method, uint32_t timeout_ms, cprs_error *error) {
    char path[96], timeout[24];
    snprintf(path, sizeof path, "/cprs.v1.ContextCompressor/%s", method);
    // gRPC allows eight digits.
    if (timeout_ms > 99999999) {
        snprintf(timeout, sizeof timeout, "%uS", timeout_ms / 1000);
    } else {
        snprintf(timeout, sizeof timeout, "%um", timeout_ms);
    }
#define HEADER(key, text) \
    {(uint8_t *)(uintptr_t)key, (uint8_t *)(uintptr_t)(text), sizeof key - 1, strlen(text), NGHTTP2_NV_FLAG_NONE}
    nghttp2_nv headers[] = {
        HEADER(":method", "POST"),
        HEADER(":scheme", "http"),
        HEADER(":path", path),
        HEADER(":authority", "localhost"),
        HEADER("te", "trailers"),
        HEADER("content-type", "application/grpc"),
        HEADER("user-agent", "libcprs/" CPRS_VERSION),
        HEADER("grpc-timeout", timeout),
    };
#undef HEADER
    size_t count = sizeof headers / sizeof headers[0] - (timeout_ms == 0 ? 1 : 0);
    nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = read_outgoing};
    int32_t stream = nghttp2_submit_request(call->client->session, NULL, headers, count, &provider, call);
    if (stream < 0) {
        return cprs_fail(error, CPRS_UNAVAILABLE, "no new HTTP/2 stream: %s", nghttp2_strerror(stream));
    }
    call->stream = stream;
    return CPRS_OK;
}
