/* SPDX-License-Identifier: Apache-2.0 */
#include "report/report_sample.h"

#include <math.h>
#include <stdint.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void add_text(struct report *report, bool chinese)
{
    report_heading(report, 1, chinese ? "模型信息" : "Model facts");
    report_facts(report,
                 (const struct report_fact[]){
                     {chinese ? "模型" : "Model", "Qwen3-4B-FP8"},
                     {chinese ? "权重" : "Weights", "FP8 E4M3, 128×128 scales"},
                     {chinese ? "处理器" : "Processor", "2 × AVX-512 cores"},
                     {chinese ? "命令" : "Command", "octet report models/demo --output out.html"},
                 },
                 4);
    report_paragraph(report, chinese ? "每个元素都与一次舍入的精确乘积比较。"
                                     : "Each element is compared with the exact product, "
                                       "rounded once to BF16.");
    report_heading(report, 2, chinese ? "检查" : "Checks");
    report_checks(report,
                  (const struct report_check[]){
                      {REPORT_PASSED, chinese ? "架构" : "Architecture", "36 layers, GQA 32:8"},
                      {REPORT_FAILED, chinese ? "精度" : "Precision",
                       "model.layers.3.mlp.up_proj.weight: 2 elements of 1,048,576"},
                      {REPORT_NOT_RUN, chinese ? "图捕获" : "Graph capture", NULL},
                  },
                  3);
    report_code(report, "text", "The capital of France is\n    Paris.\n");
}

static void add_table(struct report *report, bool chinese)
{
    const struct report_column columns[] = {
        {.name = chinese ? "阶段" : "Phase"},
        {.name = "max-num-seqs", .format = REPORT_INTEGER},
        {.name = "TTFT P50", .unit = "ms", .format = REPORT_FIXED, .digits = 1},
        {.name = "TTFT P99", .unit = "ms", .format = REPORT_FIXED, .digits = 1},
        {.name = chinese ? "吞吐" : "Throughput",
         .unit = "tok/s",
         .format = REPORT_SIGNIFICANT,
         .digits = 4},
        {.name = chinese ? "下限占比" : "Of floor", .format = REPORT_PERCENT, .digits = 1},
    };
    const struct report_cell cells[] = {
        {.text = "prefill"}, {.number = 1},
        {.number = 84.31},   {.number = 97.52, .note = 1},
        {.number = 1843.2},  {.number = .713},
        {.text = "decode"},  {.number = 16},
        {.number = 1204.8},  {.number = 1999.95},
        {.number = 42.0},    {.number = .9312},
        {.text = "mixed"},   {.number = 64},
        {.number = NAN},     {.number = INFINITY, .note = 2},
        {.number = 0.00123}, {.number = 0},
    };
    static const char *const notes[] = {"100 requests after 3 to warm up.", "No request ended."};
    report_heading(report, 1, chinese ? "性能" : "Performance");
    report_table(
        report,
        &(struct report_table){
            .caption = chinese ? "延迟与吞吐" : "Latency and throughput, TP 1, max-model-len 4096",
            .columns = columns,
            .column_count = COUNT(columns),
            .cells = cells,
            .row_count = 3,
            .notes = notes,
            .note_count = 2});
}

static void add_line(struct report *report, bool chinese)
{
    static const double batch[] = {1, 2, 4, 8, 16, 32, 64};
    static const double fp8[] = {11.8, 23.1, 44.9, 83.2, 141, 203, 231};
    static const double bf16[] = {6.4, 12.7, 25.0, 47.8, 88.1, 139, 168};
    static const double f32[] = {3.3, 6.5, 12.8, 24.9, NAN, 71, 0};
    const struct report_series series[] = {
        {"FP8-resident", batch, fp8, COUNT(batch)},
        {"BF16", batch, bf16, COUNT(batch)},
        {"float32", batch, f32, COUNT(batch)},
    };
    report_line(report,
                &(struct report_line){
                    .figure = {chinese ? "吞吐与批大小" : "Throughput over batch size", NULL},
                    .x = {.label = chinese ? "批大小" : "Batch size", .log = true},
                    .y = {.label = chinese ? "吞吐" : "Throughput", .unit = "tok/s", .log = true},
                    .series = series,
                    .series_count = COUNT(series)});
}

static void add_bars(struct report *report, bool chinese)
{
    static const char *const categories[] = {"Qwen3-4B-FP8", "SmolLM2-135M", "demo"};
    static const double ours[] = {11.8, 148.2, 1032}, theirs[] = {9.4, 131.7, NAN};
    const struct report_series series[] = {
        {"octet", NULL, ours, 3},
        {"llama-server", NULL, theirs, 3},
    };
    report_bars(report, &(struct report_bars){
                            .figure = {chinese ? "各模型吞吐" : "Throughput of three models", NULL},
                            .value = {.label = chinese ? "吞吐" : "Throughput", .unit = "tok/s"},
                            .categories = categories,
                            .category_count = 3,
                            .series = series,
                            .series_count = 2});
}

static void add_distribution(struct report *report, bool chinese)
{
    double samples[400];
    uint32_t state = 12345;
    for (size_t i = 0; i < COUNT(samples); i++) {
        double sum = 0;
        for (int k = 0; k < 4; k++) {
            state = state * 1664525u + 1013904223u;
            sum += (double)(state >> 8) / 16777216.0;
        }
        samples[i] = 60 + 20 * sum + (i % 40 == 0 ? 35 : 0);
    }
    report_distribution(report,
                        &(struct report_distribution){
                            .figure = {chinese ? "首个词元的延迟" : "Time to first token", NULL},
                            .value = {.label = chinese ? "首词元延迟" : "TTFT", .unit = "ms"},
                            .count_label = chinese ? "请求数" : "requests",
                            .cumulative_label = chinese ? "累计占比" : "cumulative share",
                            .samples = samples,
                            .count = COUNT(samples)});
}

static void add_roofline(struct report *report, bool chinese)
{
    static const struct report_ceiling bandwidths[] = {{"memory 21.4 GB/s", 21.4}};
    static const struct report_ceiling computes[] = {{"AVX-512 BF16 310 GFLOP/s", 310},
                                                     {"AVX2 float32 96 GFLOP/s", 96}};
    static const struct report_point points[] = {
        {"decode, batch 1", 2, 38},    {"decode, batch 2", 4, 74}, {"decode, batch 4", 8, 139},
        {"decode, batch 16", 32, 236}, {"prefill 512", 210, 271},  {"prefill 1024", 260, 278},
        {"lm_head", 2.1, 36},          {"attention", 0.5, 9.1},
    };
    report_roofline(report,
                    &(struct report_roofline){
                        .figure = {chinese ? "屋顶线" : "Roofline", NULL},
                        .x = {.label = chinese ? "运算强度" : "Intensity", .unit = "FLOP/byte"},
                        .y = {.label = chinese ? "速率" : "Rate", .unit = "GFLOP/s"},
                        .bandwidths = bandwidths,
                        .bandwidth_count = 1,
                        .computes = computes,
                        .compute_count = 2,
                        .points = points,
                        .point_count = COUNT(points)});
}

static void add_heat(struct report *report, bool chinese)
{
    static const char *const rows[] = {"q_proj", "gate_proj", "down_proj"};
    double values[3 * 28];
    for (size_t row = 0; row < 3; row++)
        for (size_t i = 0; i < 28; i++)
            values[row * 28 + i] =
                1.1e-3 + 1e-4 * (double)row + 4e-5 * (double)((i * 7 + row * 3) % 13);
    values[40] = NAN;
    report_heat(report, &(struct report_heat){
                            .figure = {chinese ? "各层误差" : "Relative error by layer", NULL},
                            .column_label = chinese ? "层" : "Layer",
                            .value = {.label = chinese ? "相对误差" : "Mean relative error"},
                            .rows = rows,
                            .row_count = 3,
                            .values = values,
                            .column_count = 28});
}

struct report *report_sample(enum report_language language)
{
    bool chinese = language == REPORT_ZH;
    struct report *report =
        report_new(chinese ? "验证报告：demo" : "Validation report: demo", language);
    add_text(report, chinese);
    add_table(report, chinese);
    add_line(report, chinese);
    add_bars(report, chinese);
    add_distribution(report, chinese);
    add_roofline(report, chinese);
    report_heading(report, 1, chinese ? "逐层误差" : "Error by layer");
    add_heat(report, chinese);
    return report;
}

static void add_plots_of(struct report *report, const char *text)
{
    static const double numbers[] = {1, 2};
    const char *const names[] = {text, text};
    const struct report_axis axis = {text, text, false};
    const struct report_figure figure = {text, text};
    const struct report_series series[] = {{text, numbers, numbers, 2},
                                           {text, numbers, numbers, 2}};
    report_line(report, &(struct report_line){figure, axis, axis, false, series, 2});
    report_bars(report, &(struct report_bars){figure, axis, names, 2, series, 2});
    report_distribution(report,
                        &(struct report_distribution){figure, axis, text, text, numbers, 2});
    const struct report_ceiling ceiling = {text, 10};
    const struct report_point point = {text, 1, 3};
    report_roofline(
        report, &(struct report_roofline){figure, axis, axis, &ceiling, 1, &ceiling, 1, &point, 1});
    report_heat(report, &(struct report_heat){figure, text, axis, names, 1, numbers, 2});
}

struct report *report_sample_of(const char *text)
{
    struct report *report = report_new(text, REPORT_EN);
    for (int level = 1; level <= 3; level++)
        report_heading(report, level, text);
    report_paragraph(report, text);
    report_code(report, text, text);
    report_facts(report, &(struct report_fact){text, text}, 1);
    report_checks(report, &(struct report_check){REPORT_PASSED, text, text}, 1);
    const struct report_column column = {.name = text, .unit = text};
    const struct report_cell cell = {.text = text, .note = 1};
    report_table(report, &(struct report_table){text, &column, 1, &cell, 1, &text, 1});
    add_plots_of(report, text);
    return report;
}
