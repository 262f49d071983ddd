#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cprs_status cprs_read_decisions(cprs_call *call, const Cprs__V1__Decisions *decisions) {
    cprs_span *spans = realloc(call->spans, (decisions->n_kept + 1) * sizeof *spans);
    if (spans == NULL) return CPRS_NO_MEMORY;
    call->spans = spans;
    for (size_t i = 0; i < decisions->n_kept; i++) {
        const Cprs__V1__KeptSpan *kept = decisions->kept[i];
        spans[i] = (cprs_span){
            .start = kept->start,
            .end = kept->end,
            .score = kept->score,
            .tokens = kept->tokens,
            .tag = kept->tag,
            .forced = kept->forced,
            .unscored = kept->unscored,
            .document_id = kept->document_id,
            .document_start = kept->document_start,
            .text = kept->text.len > 0 ? kept->text.data : NULL,
            .text_length = kept->text.len,
        };
    }
    call->decision = (cprs_decision){
        .final_bytes = decisions->final_bytes,
        .provisional = decisions->provisional,
        .spans = spans,
        .span_count = decisions->n_kept,
    };
    const Cprs__V1__TokenScores *scores = decisions->token_scores;
    if (scores == NULL) return CPRS_OK;
    // The three lists are equally long; if they are not, what all of them have is right.
    size_t count = scores->n_scores < scores->n_lengths ? scores->n_scores : scores->n_lengths;
    size_t labels = strlen(scores->labels);
    call->decision.token_start = scores->start;
    call->decision.token_lengths = scores->lengths;
    call->decision.token_scores = scores->scores;
    call->decision.token_labels = scores->labels;
    call->decision.token_count = count < labels ? count : labels;
    return CPRS_OK;
}

void cprs_read_accepted(cprs_call *call, const Cprs__V1__Accepted *accepted) {
    cprs_summary *summary = &call->summary;
    snprintf(summary->request_id, sizeof summary->request_id, "%s", accepted->request_id);
    if (accepted->model == NULL) return;
    snprintf(summary->model_name, sizeof summary->model_name, "%s", accepted->model->name);
    snprintf(summary->model_sha256, sizeof summary->model_sha256, "%s", accepted->model->sha256);
}

void cprs_read_summary(cprs_call *call, const Cprs__V1__Summary *from) {
    cprs_summary *summary = &call->summary;
    summary->input_bytes = from->input_bytes;
    summary->input_tokens = from->input_tokens;
    summary->kept_bytes = from->kept_bytes;
    summary->kept_tokens = from->kept_tokens;
    summary->kept_spans = from->kept_spans;
    summary->windows = from->windows;
    summary->unscored_bytes = from->unscored_bytes;
    summary->has_best_dropped_score =
        from->maybe_best_dropped_score_case == CPRS__V1__SUMMARY__MAYBE_BEST_DROPPED_SCORE_BEST_DROPPED_SCORE;
    summary->best_dropped_score = summary->has_best_dropped_score ? from->best_dropped_score : 0;
    if (from->timings != NULL) {
        summary->total_us = from->timings->total_us;
        summary->first_decision_us = from->timings->first_decision_us;
        summary->scoring_us = from->timings->scoring_us;
    }
    if (from->input_sha256.len == sizeof summary->input_sha256) {
        memcpy(summary->input_sha256, from->input_sha256.data, sizeof summary->input_sha256);
    }
    summary->has_kept_sha256 = from->kept_sha256.len == sizeof summary->kept_sha256;
    if (summary->has_kept_sha256) {
        memcpy(summary->kept_sha256, from->kept_sha256.data, sizeof summary->kept_sha256);
    }
    summary->recut_seconds = from->recut_seconds;
    call->has_summary = true;
}
