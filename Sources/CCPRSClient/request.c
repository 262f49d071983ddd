#include "internal.h"

#include <string.h>

cprs_request cprs_complete_request(const cprs_request *request) {
    cprs_request complete = CPRS_REQUEST_INIT;
    size_t size = request->size < sizeof complete ? request->size : sizeof complete;
    memcpy(&complete, request, size);
    return complete;
}

static char *text(const char *value) {
    // protobuf-c's structs are not const; packing does not write to them.
    return (char *)(uintptr_t)(value == NULL ? "" : value);
}

static char **texts(const char *const *values) { return (char **)(uintptr_t)values; }

static void fill_selection(const cprs_request *request, Cprs__V1__Selection *selection) {
    cprs__v1__selection__init(selection);
    selection->granularity = (Cprs__V1__Granularity)request->granularity;
    if (request->has_threshold) {
        selection->maybe_threshold_case = CPRS__V1__SELECTION__MAYBE_THRESHOLD_THRESHOLD;
        selection->threshold = request->threshold;
    }
    if (request->max_tokens > 0) {
        selection->budget_case = CPRS__V1__SELECTION__BUDGET_MAX_TOKENS;
        selection->max_tokens = request->max_tokens;
    } else if (request->ratio != 0) {
        selection->budget_case = CPRS__V1__SELECTION__BUDGET_RATIO;
        selection->ratio = request->ratio;
    }
    if (request->has_min_span_tokens) {
        selection->maybe_min_span_tokens_case = CPRS__V1__SELECTION__MAYBE_MIN_SPAN_TOKENS_MIN_SPAN_TOKENS;
        selection->min_span_tokens = request->min_span_tokens;
    }
    selection->whole_sentences = request->whole_sentences != 0;
    if (request->reference_decoding) selection->decoding = CPRS__V1__DECODING__DECODING_REFERENCE;
    selection->n_keep_literals = request->keep_literal_count;
    selection->keep_literals = texts(request->keep_literals);
    selection->n_keep_regexes = request->keep_regex_count;
    selection->keep_regexes = texts(request->keep_regexes);
    if (request->has_match_words) {
        selection->maybe_match_words_case = CPRS__V1__SELECTION__MAYBE_MATCH_WORDS_MATCH_WORDS;
        selection->match_words = request->match_words != 0;
    }
}

void cprs_fill_begin(const cprs_request *request, Cprs__V1__Begin *begin, Cprs__V1__Selection *selection) {
    fill_selection(request, selection);
    cprs__v1__begin__init(begin);
    if (request->instruction != NULL) {
        begin->task_case = CPRS__V1__BEGIN__TASK_INSTRUCTION;
        begin->instruction = text(request->instruction);
    } else if (request->preset != NULL) {
        begin->task_case = CPRS__V1__BEGIN__TASK_PRESET;
        begin->preset = text(request->preset);
    }
    begin->query = text(request->query);
    begin->n_tags = request->tag_count;
    begin->tags = texts(request->tags);
    begin->window_tokens = request->window_tokens;
    begin->selection = selection;
    begin->deadline_ms = request->deadline_ms;
    if (request->partial_after_deadline) {
        begin->deadline_policy = CPRS__V1__DEADLINE_POLICY__DEADLINE_POLICY_PARTIAL;
    }
    if (request->batch) begin->request_class = CPRS__V1__REQUEST_CLASS__REQUEST_CLASS_BATCH;
    begin->client_request_id = text(request->client_request_id);
    begin->include_text = request->include_text != 0;
    begin->include_token_scores = request->include_token_scores != 0;
    begin->include_provisional = request->include_provisional != 0;
    begin->retain_scores = request->retain_scores != 0;
}
