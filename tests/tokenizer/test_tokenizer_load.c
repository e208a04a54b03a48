/* SPDX-License-Identifier: Apache-2.0 */
/* What tokenizer.json may say: components, refusals by name, the files beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "tokenizer/mini_tokenizer.h"

static struct tokenizer *open_mini(const struct mini_tokenizer *mini)
{
    struct tokenizer *tokenizer;
    struct octet_error err;
    if (mini_tokenizer_open(mini, &tokenizer, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return tokenizer;
}

/* Encode and compare with "1 2 3". */
static void check_ids(const struct tokenizer *tokenizer, const char *text, enum special_mode mode,
                      bool add_special, const char *expected)
{
    struct token_ids ids = {0};
    struct octet_error err;
    struct buffer found;
    buffer_init(&found, 4096);
    if (tokenizer_encode(tokenizer, text, strlen(text), mode, add_special, &ids, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < ids.count; i++)
        buffer_printf(&found, "%s%d", i ? " " : "", ids.ids[i]);
    assert_string_equal(buffer_text(&found), expected);
    buffer_free(&found);
    token_ids_free(&ids);
}

static void test_merges(void **state)
{
    static const char vocab[] = ",\"ab\":256,\"abc\":257,\"bc\":258,\"xyz\":259,\"\\u0120a\":260";
    struct mini_tokenizer mini = {.vocab = vocab,
                                  .merges = "[\"b c\",\"a b\",\"ab c\",\"a bc\",\"\\u0120 a\"]"};
    struct tokenizer *tokenizer = open_mini(&mini);
    (void)state;
    /* "b c" has the lowest rank, then "a bc" joins the rest. */
    check_ids(tokenizer, "abc", SPECIAL_PARSE, false, "257");
    check_ids(tokenizer, "abab", SPECIAL_PARSE, false, "256 256");
    check_ids(tokenizer, "xyz", SPECIAL_PARSE, false, "120 121 122");
    check_ids(tokenizer, "a a", SPECIAL_PARSE, false, "97 260");
    assert_int_equal(tokenizer_token_id(tokenizer, "\xC4\xA0"
                                                   "a"),
                     260);
    assert_int_equal(tokenizer_token_id(tokenizer, " a"), -1);
    assert_int_equal(tokenizer_vocab_size(tokenizer), 261);
    tokenizer_close(tokenizer);

    mini.merges = "[\"#version: 0.2\",[\"b\",\"c\"],[\"a\",\"b\"],[\"ab\",\"c\"],[\"a\",\"bc\"]]";
    mini.options = ",\"ignore_merges\":true";
    tokenizer = open_mini(&mini);
    check_ids(tokenizer, "abc", SPECIAL_PARSE, false, "257");
    check_ids(tokenizer, "xyz", SPECIAL_PARSE, false, "259");
    check_ids(tokenizer, "xyza", SPECIAL_PARSE, false, "120 121 122 97");
    tokenizer_close(tokenizer);
}

static void test_added_tokens(void **state)
{
    static const char added[] =
        "[{\"id\":256,\"content\":\"<a>\",\"special\":true},"
        "{\"id\":257,\"content\":\"<a>b\",\"special\":false},"
        "{\"id\":258,\"content\":\"[l]\",\"lstrip\":true},{\"id\":259,\"content\":\"[r]\","
        "\"rstrip\":true},"
        "{\"id\":260,\"content\":\"word\",\"single_word\":true},"
        "{\"id\":261,\"content\":\"\\u00e9!\",\"normalized\":true},{\"id\":300,\"content\":\"\"}]";
    struct mini_tokenizer mini = {.added_tokens = added, .normalizer = "{\"type\":\"NFC\"}"};
    struct tokenizer *tokenizer = open_mini(&mini);
    (void)state;
    check_ids(tokenizer, "<a><a>b<a>", SPECIAL_PARSE, false, "256 257 256");
    check_ids(tokenizer, "<a><a>b", SPECIAL_SPLIT, false, "60 97 62 257");
    check_ids(tokenizer, "<a>b", SPECIAL_NONE, false, "60 97 62 98");
    check_ids(tokenizer, "x \t[l] y", SPECIAL_PARSE, false, "120 258 32 121");
    check_ids(tokenizer, "x [r] \xE3\x80\x80y", SPECIAL_PARSE, false, "120 32 259 121");
    check_ids(tokenizer, "[r]  [l]", SPECIAL_PARSE, false, "259 258");
    check_ids(tokenizer, "word-word", SPECIAL_PARSE, false, "260 45 260");
    check_ids(tokenizer, "words", SPECIAL_PARSE, false, "119 111 114 100 115");
    check_ids(tokenizer, "\xC3\xA9word", SPECIAL_PARSE, false, "195 169 119 111 114 100");
    /* e and a combining accent become the normalised token. */
    check_ids(tokenizer, "xe\xCC\x81!", SPECIAL_PARSE, false, "120 261");
    assert_true(tokenizer_is_special(tokenizer, 256));
    assert_false(tokenizer_is_special(tokenizer, 257));
    assert_int_equal(tokenizer_token_id(tokenizer, "<a>b"), 257);

    static const int32_t ids[] = {120, 256, 257, 299, 1 << 30, -1};
    struct buffer out;
    buffer_init(&out, 100);
    assert_true(tokenizer_decode(tokenizer, ids, 6, false, &out));
    assert_string_equal(buffer_text(&out), "x<a><a>b");
    buffer_clear(&out);
    assert_true(tokenizer_decode(tokenizer, ids, 6, true, &out));
    assert_string_equal(buffer_text(&out), "x<a>b");
    buffer_free(&out);
    tokenizer_close(tokenizer);
}

static void test_template(void **state)
{
    static const char post[] = "{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{"
                               "\"type\":\"TemplateProcessing\","
                               "\"single\":[{\"SpecialToken\":{\"id\":\"B\",\"type_id\":0}},{"
                               "\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
                               "{\"SpecialToken\":{\"id\":\"E\",\"type_id\":0}}],\"pair\":[],"
                               "\"special_tokens\":{\"B\":{\"id\":\"B\",\"ids\":[66,98]},\"E\":{"
                               "\"id\":\"E\",\"ids\":[69]}}}]}";
    struct mini_tokenizer mini = {.post_processor = post};
    struct tokenizer *tokenizer = open_mini(&mini);
    (void)state;
    check_ids(tokenizer, "x", SPECIAL_PARSE, true, "66 98 120 69");
    check_ids(tokenizer, "x", SPECIAL_PARSE, false, "120");
    check_ids(tokenizer, "", SPECIAL_PARSE, true, "66 98 69");
    tokenizer_close(tokenizer);
}

static void check_words(const char *pre_tokenizer, const char *text, const char *expected)
{
    /* Neighbours of one kind join, so that a border between them is seen as two tokens. */
    struct mini_tokenizer mini = {.pre_tokenizer = pre_tokenizer,
                                  .vocab = ",\"aa\":256,\"11\":257,\"\\u0120a\":258,\"..\":259",
                                  .merges = "[\"a a\",\"1 1\",\"\\u0120 a\",\". .\"]"};
    struct tokenizer *tokenizer = open_mini(&mini);
    check_ids(tokenizer, text, SPECIAL_PARSE, false, expected);
    tokenizer_close(tokenizer);
}

static void test_pre_tokenizers(void **state)
{
    (void)state;
    check_words("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_"
                "digits\":true},"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}]}",
                "aa11aa", "256 49 49 256");
    check_words("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}",
                "a.11.", "97 46 257 46");
    check_words("{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "aa a", "32 256 258");
    check_words("{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", " a", "258");
    /* The space of a contraction's neighbour, and white space before a word. */
    check_words("{\"type\":\"ByteLevel\",\"add_prefix_space\":false}", "aa  a", "256 32 258");
    check_words("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                "\"Regex\":\"a\"},"
                "\"behavior\":\"Isolated\",\"invert\":false},"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}",
                "aa11..", "97 97 257 259");
    check_words("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                "\"Regex\":\"a+\"},"
                "\"behavior\":\"Removed\",\"invert\":false},"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}",
                "1aa1", "49 49");
    check_words("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{"
                "\"Regex\":\"a+\"},"
                "\"behavior\":\"Removed\",\"invert\":true},"
                "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}",
                "1aa1a", "256 97");
}

#define SPLIT(pattern)                                                                             \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"        \
    "\"" pattern "\"},\"behavior\":\"Isolated\",\"invert\":false},{\"type\":\"ByteLevel\","        \
    "\"add_prefix_space\":false,\"use_regex\":false}]}"
#define TOKEN(fields) "[{\"id\":300,\"content\":\"<a>\"" fields "}]"
#define TEMPLATE(single)                                                                           \
    "{\"type\":\"TemplateProcessing\",\"single\":" single                                          \
    ",\"special_tokens\":{\"B\":{\"ids\":[9999]}}}"

/* A mutation, the status and a part of the sentence that it must give. */
static const struct refusal {
    struct mini_tokenizer mini;
    octet_status status;
    const char *says;
} refusals[] = {
    {{.normalizer = "{\"type\":\"NFKC\"}"}, OCTET_UNSUPPORTED, "normalizer: \"NFKC\""},
    {{.normalizer =
          "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]}"},
     OCTET_UNSUPPORTED,
     "\"Lowercase\""},
    {{.normalizer = "7"}, OCTET_UNSUPPORTED, "normalizer"},
    {{.pre_tokenizer = "null"}, OCTET_INPUT, "pre_tokenizer"},
    {{.pre_tokenizer = "{\"type\":\"Metaspace\"}"}, OCTET_UNSUPPORTED, "\"Metaspace\""},
    {{.pre_tokenizer = "{\"type\":\"Digits\",\"individual_digits\":true}"},
     OCTET_UNSUPPORTED,
     "ByteLevel"},
    {{.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\","
                       "\"add_prefix_space\":false},{\"type\":\"Whitespace\"}]}"},
     OCTET_UNSUPPORTED,
     "pretokenizers[1]"},
    {{.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"},"
                       "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}]}"},
     OCTET_UNSUPPORTED,
     "add_prefix_space"},
    {{.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                       "{\"String\":\" \"},\"behavior\":\"Isolated\"}]}"},
     OCTET_UNSUPPORTED,
     "Regex"},
    {{.pre_tokenizer = "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                       "{\"Regex\":\" \"},\"behavior\":\"MergedWithNext\"}]}"},
     OCTET_UNSUPPORTED,
     "MergedWithNext"},
    {{.pre_tokenizer = SPLIT("\\\\p{Lu}+")}, OCTET_UNSUPPORTED, "byte 0 of the expression"},
    {{.pre_tokenizer = SPLIT("a|(?<=b)c")}, OCTET_UNSUPPORTED, "byte 2 of the expression"},
    {{.pre_tokenizer = SPLIT("\\\\w+")}, OCTET_UNSUPPORTED, "escape"},
    {{.pre_tokenizer = SPLIT("[a[b]]")}, OCTET_UNSUPPORTED, "class inside a class"},
    {{.pre_tokenizer = SPLIT("[a-z&&b]")}, OCTET_UNSUPPORTED, "intersection"},
    {{.pre_tokenizer = SPLIT("[z-a]")}, OCTET_UNSUPPORTED, "range"},
    {{.pre_tokenizer = SPLIT("[]")}, OCTET_UNSUPPORTED, "empty class"},
    {{.pre_tokenizer = SPLIT("\\u00e9")}, OCTET_UNSUPPORTED, "outside ASCII"},
    {{.pre_tokenizer = SPLIT("a.b")}, OCTET_UNSUPPORTED, "one of . ^ $"},
    {{.pre_tokenizer = SPLIT("a{,3}")}, OCTET_UNSUPPORTED, "interval"},
    {{.pre_tokenizer = SPLIT("a{1,3}+")}, OCTET_UNSUPPORTED, "interval"},
    {{.pre_tokenizer = SPLIT("a*")}, OCTET_UNSUPPORTED, "empty match"},
    {{.pre_tokenizer = SPLIT("a{2")}, OCTET_INPUT, "ends inside an interval"},
    {{.pre_tokenizer = SPLIT("(a")}, OCTET_INPUT, "ends inside a group"},
    {{.pre_tokenizer = SPLIT("a)")}, OCTET_INPUT, "closes no group"},
    {{.pre_tokenizer = SPLIT("[a")}, OCTET_INPUT, "ends inside a class"},
    {{.pre_tokenizer = SPLIT("a\\\\")}, OCTET_INPUT, "ends inside an escape"},
    {{.pre_tokenizer = SPLIT("+a")}, OCTET_INPUT, "does not compile"},
    {{.post_processor = "{\"type\":\"BertProcessing\"}"}, OCTET_UNSUPPORTED, "BertProcessing"},
    {{.post_processor = TEMPLATE("[]")}, OCTET_UNSUPPORTED, "holds the text 0 times"},
    {{.post_processor =
          TEMPLATE("[{\"SpecialToken\":{\"id\":\"X\"}},{\"Sequence\":{\"id\":\"A\"}}]")},
     OCTET_INPUT,
     "\"X\""},
    {{.post_processor =
          TEMPLATE("[{\"SpecialToken\":{\"id\":\"B\"}},{\"Sequence\":{\"id\":\"A\"}}]")},
     OCTET_INPUT,
     "not of this vocabulary"},
    {{.decoder = "{\"type\":\"WordPiece\"}"}, OCTET_UNSUPPORTED, "decoder: \"WordPiece\""},
    {{.decoder = "null"}, OCTET_UNSUPPORTED, "decoder"},
    {{.options = ",\"byte_fallback\":true"}, OCTET_UNSUPPORTED, "byte_fallback"},
    {{.options = ",\"dropout\":0.1"}, OCTET_UNSUPPORTED, "dropout"},
    {{.options = ",\"continuing_subword_prefix\":\"##\""},
     OCTET_UNSUPPORTED,
     "continuing_subword_prefix"},
    {{.options = ",\"end_of_word_suffix\":\"</w>\""}, OCTET_UNSUPPORTED, "end_of_word_suffix"},
    {{.options = ",\"unk_token\":\"<unk>\""}, OCTET_INPUT, "unk_token"},
    {{.options = ",\"unk_token\":\"a\",\"fuse_unk\":true"}, OCTET_UNSUPPORTED, "fuse_unk"},
    {{.options = ",\"ignore_merges\":1"}, OCTET_INPUT, "ignore_merges"},
    {{.merges = "{}"}, OCTET_INPUT, "merges"},
    {{.merges = "[\"a\"]"}, OCTET_INPUT, "merges[0]"},
    {{.merges = "[\"a b c\"]"}, OCTET_INPUT, "merges[0]"},
    {{.merges = "[[\"a\",\"b\",\"c\"]]"}, OCTET_INPUT, "merges[0]"},
    {{.merges = "[[\"a\",1]]"}, OCTET_INPUT, "merges[0]"},
    {{.merges = "[\"a b\"]"}, OCTET_INPUT, "the joined token is not in model.vocab"},
    {{.merges = "[\"zz b\"]"}, OCTET_INPUT, "the left part is not in model.vocab"},
    {{.merges = "[\"\\u4f60 b\"]"}, OCTET_INPUT, "byte-level alphabet"},
    {{.vocab = ",\"zz\":-1"}, OCTET_INPUT, "model.vocab[\"zz\"]"},
    {{.vocab = ",\"zz\":\"1\""}, OCTET_INPUT, "model.vocab[\"zz\"]"},
    {{.vocab = ",\"zz\":99999999"}, OCTET_INPUT, "model.vocab[\"zz\"]"},
    {{.vocab = ",\"zz\":7"}, OCTET_INPUT, "id 7 is both"},
    {{.added_tokens = "{}"}, OCTET_INPUT, "added_tokens"},
    {{.added_tokens = "[{\"content\":\"a\"}]"}, OCTET_INPUT, "\"id\""},
    {{.added_tokens = "[{\"id\":1}]"}, OCTET_INPUT, "\"content\""},
    {{.added_tokens = TOKEN(",\"special\":1")}, OCTET_INPUT, "\"special\""},
    {{.added_tokens = "[{\"id\":65,\"content\":\"<a>\"}]"}, OCTET_INPUT, "id 65 is both"},
    {{.added_tokens = "[{\"id\":-5,\"content\":\"<a>\"}]"}, OCTET_INPUT, "\"id\""},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct tokenizer *tokenizer = NULL;
        struct octet_error err = {0};
        octet_status status = mini_tokenizer_open(&refusals[i].mini, &tokenizer, &err);
        if (status != refusals[i].status || !strstr(err.message, refusals[i].says))
            fail_msg("refusal %zu: status %d, \"%s\"; expected %d and \"%s\"", i, status,
                     err.message, refusals[i].status, refusals[i].says);
        if (status != OCTET_OK && !strstr(err.message, "mini"))
            fail_msg("refusal %zu does not name the file: \"%s\"", i, err.message);
    }
}

static void test_unknown_bytes(void **state)
{
    /* A vocabulary of two letters: other bytes give unk_token, or nothing without one. */
    static const char head[] =
        "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
        "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"vocab\":{\"a\":0,\"b\":1,\"<unk>\":2},"
        "\"merges\":[]";
    struct tokenizer *tokenizer;
    char text[512];
    (void)state;
    snprintf(text, sizeof text, "%s}}", head);
    assert_int_equal(tokenizer_open_json(text, strlen(text), "two", &tokenizer, NULL), OCTET_OK);
    check_ids(tokenizer, "acbcc", SPECIAL_PARSE, false, "0 1");
    tokenizer_close(tokenizer);
    snprintf(text, sizeof text, "%s,\"unk_token\":\"<unk>\"}}", head);
    assert_int_equal(tokenizer_open_json(text, strlen(text), "two", &tokenizer, NULL), OCTET_OK);
    check_ids(tokenizer, "acbcc", SPECIAL_PARSE, false, "0 2 1 2 2");
    tokenizer_close(tokenizer);
}

static void write_in(const char *directory, const char *name, const char *text)
{
    char *path = path_join(directory, name);
    assert_int_equal(file_write_all(path, text, strlen(text), NULL), OCTET_OK);
    free(path);
}

static void remove_from(const char *directory, const char *name)
{
    char *path = path_join(directory, name);
    unlink(path);
    free(path);
}

static const char *template_in(const char *directory, struct tokenizer **tokenizer)
{
    struct octet_error err;
    if (tokenizer_open(directory, tokenizer, &err) != OCTET_OK)
        fail_msg("%s", err.message);
    return tokenizer_chat_template(*tokenizer);
}

static void test_config(void **state)
{
    char directory[] = "/tmp/octet-tokenizer-XXXXXX";
    struct tokenizer *tokenizer;
    struct octet_error err = {0};
    struct mini_tokenizer mini = {0};
    struct buffer text;
    (void)state;
    assert_non_null(mkdtemp(directory));
    assert_int_equal(tokenizer_open(directory, &tokenizer, &err), OCTET_IO);
    assert_non_null(strstr(err.message, "tokenizer.json"));
    buffer_init(&text, 1 << 20);
    mini_tokenizer_write(&mini, &text);
    write_in(directory, "tokenizer.json", buffer_text(&text));
    buffer_free(&text);

    assert_null(template_in(directory, &tokenizer));
    assert_null(tokenizer_special_text(tokenizer, "bos_token"));
    tokenizer_close(tokenizer);
    write_in(directory, "tokenizer_config.json",
             "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</"
             "s>\",\"lstrip\":false},\"pad_token\":null,"
             "\"chat_template\":[{\"name\":\"rag\",\"template\":\"no\"},{\"name\":\"default\","
             "\"template\":\"yes\"}]}");
    assert_string_equal(template_in(directory, &tokenizer), "yes");
    assert_string_equal(tokenizer_special_text(tokenizer, "bos_token"), "<s>");
    assert_string_equal(tokenizer_special_text(tokenizer, "eos_token"), "</s>");
    assert_null(tokenizer_special_text(tokenizer, "pad_token"));
    tokenizer_close(tokenizer);
    write_in(directory, "tokenizer_config.json", "{\"chat_template\":\"one\"}");
    assert_string_equal(template_in(directory, &tokenizer), "one");
    tokenizer_close(tokenizer);
    write_in(directory, "chat_template.jinja", "file");
    assert_string_equal(template_in(directory, &tokenizer), "file");
    tokenizer_close(tokenizer);
    write_in(directory, "chat_template.jinja", "\xFF");
    assert_int_equal(tokenizer_open(directory, &tokenizer, &err), OCTET_INPUT);
    assert_non_null(strstr(err.message, "chat_template.jinja"));

    remove_from(directory, "chat_template.jinja");
    remove_from(directory, "tokenizer_config.json");
    remove_from(directory, "tokenizer.json");
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merges),   cmocka_unit_test(test_added_tokens),
        cmocka_unit_test(test_template), cmocka_unit_test(test_pre_tokenizers),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_unknown_bytes),
        cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
