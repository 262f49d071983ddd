// cprs-cat QUESTION: prints what of standard input the question needs, as it becomes known.
#include <cprs.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int fail(const cprs_error *error) {
    fprintf(stderr, "cprs-cat: %s: %s\n", cprs_status_name(error->status), error->message);
    return EXIT_FAILURE;
}

// Prints the decisions that are there (timeout 0), or all to the end (-1).
static cprs_status print_decisions(cprs_call *call, int timeout_ms, cprs_error *error) {
    while (1) {
        const cprs_decision *decision;
        cprs_status status = cprs_next_decision(call, timeout_ms, &decision, error);
        if (status != CPRS_OK) return status;
        for (size_t i = 0; i < decision->span_count; i++) {
            fwrite(decision->spans[i].text, 1, decision->spans[i].text_length, stdout);
        }
        fflush(stdout);
    }
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: cprs-cat QUESTION < TEXT\n");
        return 64;
    }
    cprs_error error;
    cprs_client *client = cprs_client_open(NULL, &error);
    if (client == NULL) return fail(&error);
    cprs_request request = CPRS_REQUEST_INIT;
    request.query = arguments[1];
    request.include_text = 1;
    cprs_call *call = cprs_begin(client, &request, &error);
    if (call == NULL) return fail(&error);

    static char text[65536];
    ssize_t length;
    while ((length = read(STDIN_FILENO, text, sizeof text)) > 0) {
        size_t done = 0;
        while (done < (size_t)length) {
            size_t sent;
            cprs_status status = cprs_send_chunk(call, text + done, (size_t)length - done, NULL, &sent, &error);
            if (status != CPRS_OK && status != CPRS_WANT_READ) return fail(&error);
            done += sent;
            status = print_decisions(call, 0, &error);
            if (status != CPRS_AGAIN) return fail(&error);
        }
    }
    if (length < 0) {
        perror("cprs-cat: standard input");
        return EXIT_FAILURE;
    }
    if (cprs_finish(call, &error) != CPRS_OK) return fail(&error);
    if (print_decisions(call, -1, &error) != CPRS_END) return fail(&error);
    const cprs_summary *summary = cprs_call_summary(call);
    fprintf(
        stderr, "cprs-cat: kept %llu of %llu tokens\n", (unsigned long long)summary->kept_tokens,
        (unsigned long long)summary->input_tokens);
    cprs_call_free(call);
    cprs_client_close(client);
    return EXIT_SUCCESS;
}
