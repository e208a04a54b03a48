/* SPDX-License-Identifier: Apache-2.0 */
/* JSON schema: texts that are read and refused, and schemas that are refused with a sentence. */
#include "grammar/grammar_case.h"
#include "support/testing.h"

#define TEXTS_MAX 24

struct schema_case {
    const char *schema;
    const char *good[TEXTS_MAX];
    const char *bad[TEXTS_MAX];
};

static const struct schema_case cases[] = {
    {"{\"type\":\"null\"}", {"null"}, {"nul", "nulll", "\"null\"", " null", "null "}},
    {"{\"type\":\"boolean\"}", {"true", "false"}, {"True", "0", "tru"}},
    {"{\"type\":\"integer\"}",
     {"0", "7", "-7", "120", "999999999999999999", "-999999999999999999"},
     {"-0", "00", "01", "1.0", "1e3", "+1", "", "-", "1000000000000000000"}},
    {"{\"type\":\"number\"}",
     {"0", "-0", "0.5", "-0.25", "1e5", "1E-5", "12.5e+10", "123456789012345678.12345678901234567"},
     {"01", ".5", "1.", "1e", "1e+", "--1", "NaN", "1e100", "1234567890123456789",
      "1.123456789012345678"}},
    {"{\"type\":\"string\"}",
     {"\"\"", "\"a b\"", "\"\\n\\t\\\"\\\\\\/\\b\\f\\r\"", "\"\\u00e9\"", "\"\\ud83d\\ude00\"",
      "\"\\uD83D\\uDE00\"", "\"\\ud7ff\\ue000\\uFFFF\\u0001\"",
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\x7f\"",
      "\"\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf\""},
     {"\"", "a", "\"a", "\"\n\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud83d\"",
      "\"\\ud83dx\"", "\"\\ud83d\\u0041\"", "\"\\ude00\"", "\"\\u0000\"", "\"\xc3\"", "\"\xff\"",
      "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xe0\x80\x80\"", "\"a\"b"}},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":3}",
     {"\"ab\"", "\"abc\"", "\"\\n\xc3\xa9\"", "\"\\ud83d\\ude00\xf0\x9f\x98\x80.\"",
      "\"\\u0041b\""},
     {"\"\"", "\"a\"", "\"abcd\"", "\"\xc3\xa9\"", "\"\\ud83d\\ude00\""}},
    {"{\"type\":\"string\",\"minLength\":1}", {"\"a\"", "\"abcdef\""}, {"\"\""}},
    {"{\"type\":\"string\",\"maxLength\":0}", {"\"\""}, {"\"a\""}},
    {"{\"type\":\"string\",\"pattern\":\"^[a-c]+$\"}",
     {"\"a\"", "\"abc\""},
     {"\"\"", "\"d\"", "\"a d\""}},
    {"{\"type\":\"string\",\"pattern\":\"b\"}",
     {"\"b\"", "\"abc\"", "\"\\nb\\\"\"",
      "\"\xc3\xa9"
      "b\""},
     {"\"\"", "\"ac\""}},
    {"{\"type\":\"string\",\"pattern\":\"^a|b$\"}",
     {"\"axx\"", "\"xxb\"", "\"ab\""},
     {"\"xax\"", "\"bx\""}},
    {"{\"type\":\"string\",\"pattern\":\"^\\\\d{3}-\\\\w+$\",\"maxLength\":6}",
     {"\"123-a\"", "\"123-a_\""},
     {"\"123-\"", "\"123-abc\"", "\"12-a\""}},
    {"{\"type\":\"string\",\"pattern\":\"^(ab)*$\",\"minLength\":3,\"maxLength\":5}",
     {"\"abab\""},
     {"\"ab\"", "\"\"", "\"ababab\""}},
    {"{\"type\":\"string\",\"pattern\":\"^[\\\\\\\\\\\"\\\\n\\\\x01/]$\"}",
     {"\"\\\\\"", "\"\\\"\"", "\"\\n\"", "\"\\u0001\"", "\"/\""},
     {"\"\\/\"", "\"\\u000a\"", "\"\\t\""}},
    {"{\"type\":\"string\",\"format\":\"date\"}",
     {"\"2024-02-28\"", "\"1999-12-31\"", "\"2023-04-30\""},
     {"\"2024-02-30\"", "\"2023-04-31\"", "\"2024-13-01\"", "\"0000-01-01\"", "\"24-01-01\""}},
    {"{\"type\":\"string\",\"format\":\"date-time\"}",
     {"\"2024-02-28T23:59:59Z\"", "\"2024-02-28T00:00:00.123+02:00\""},
     {"\"2024-02-28\"", "\"2024-02-28T24:00:00Z\"", "\"2024-02-28 10:00:00Z\""}},
    {"{\"type\":\"string\",\"format\":\"time\"}",
     {"\"10:20:30Z\""},
     {"\"10:20\"", "\"10:60:00Z\""}},
    {"{\"type\":\"string\",\"format\":\"duration\"}",
     {"\"P1D\"", "\"PT5M\"", "\"P1Y2M3DT4H5M6S\"", "\"P3W\""},
     {"\"P\"", "\"PT\"", "\"P1DT\"", "\"1D\""}},
    {"{\"type\":\"string\",\"format\":\"uuid\"}",
     {"\"01234567-89ab-cdef-0123-456789ABCDEF\""},
     {"\"0123456789abcdef0123456789abcdef\"", "\"\""}},
    {"{\"type\":\"string\",\"format\":\"email\"}", {"\"a.b@c.de\""}, {"\"a@b\"", "\"a.@b.de\""}},
    {"{\"type\":\"string\",\"format\":\"ipv4\"}",
     {"\"127.0.0.1\""},
     {"\"256.0.0.1\"", "\"1.2.3\""}},
    {"{\"type\":\"string\",\"format\":\"ipv6\"}",
     {"\"::\"", "\"::1\"", "\"1:2:3:4:5:6:7:8\"", "\"fe80::1\"", "\"1::\""},
     {"\"1:2:3\"", "\"::1::\"", "\"1:2:3:4:5:6:7:8:9\""}},
    {"{\"type\":\"string\",\"format\":\"uri\"}",
     {"\"https://a.b:80/c?d#e\""},
     {"\"a b\"", "\"x\""}},
    {"{\"type\":\"string\",\"format\":\"hostname\"}", {"\"a-b.c\""}, {"\"-a\"", "\"a..b\""}},
    {"{\"type\":\"string\",\"format\":\"password\"}", {"\"x\""}, {"x"}},
    {"{\"type\":\"integer\",\"minimum\":0,\"maximum\":10}",
     {"0", "5", "9", "10"},
     {"-1", "11", "00", "10.0", "100"}},
    {"{\"type\":\"integer\",\"minimum\":-15,\"maximum\":128}",
     {"-15", "-9", "-1", "0", "99", "128"},
     {"-16", "-20", "-0", "129", "200", "1000"}},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":9,\"exclusiveMaximum\":101}",
     {"10", "99", "100"},
     {"9", "101", "0"}},
    {"{\"type\":\"integer\",\"minimum\":1.5,\"maximum\":3.5}", {"2", "3"}, {"1", "4"}},
    {"{\"type\":\"integer\",\"minimum\":-3.5,\"maximum\":-1.5}", {"-2", "-3"}, {"-1", "-4", "2"}},
    {"{\"type\":\"integer\",\"maximum\":-5}", {"-5", "-123"}, {"-4", "0", "5"}},
    {"{\"type\":\"integer\",\"minimum\":1000}", {"1000", "99999", "100000000000000000"}, {"999"}},
    {"{\"type\":\"integer\",\"maximum\":9223372036854775808}", {"5"}, {"x"}},
    {"{\"type\":\"number\",\"minimum\":0,\"maximum\":1}",
     {"0", "0.0", "0.5", "1", "1.0", "1.000"},
     {"1.1", "-0.1", "1.0001", "2", "0.", "-0"}},
    {"{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":2.5}",
     {"0.1", "0.0001", "2.5", "2.50", "2", "2.49"},
     {"0", "0.0", "2.51", "3", "2.500001"}},
    {"{\"type\":\"number\",\"minimum\":-1.25,\"exclusiveMaximum\":1e-2}",
     {"-1.25", "-1", "0", "0.009", "-0.5"},
     {"0.01", "-1.26", "0.1"}},
    {"{\"enum\":[\"a\",\"ab\",1,null,true,[1,2],{\"k\":\"v\"},\"\\u00e9\\n\"]}",
     {"\"a\"", "\"ab\"", "1", "null", "true", "[1, 2]", "[1,2]", "{\"k\": \"v\"}", "{\"k\":\"v\"}",
      "\"\xc3\xa9\\n\""},
     {"\"abc\"", "\"\"", "2", "false", "[1]", "[2, 1]", "{}"}},
    {"{\"type\":\"string\",\"enum\":[\"a\",1]}", {"\"a\""}, {"1"}},
    {"{\"const\":\"x\",\"title\":\"X\"}", {"\"x\""}, {"\"y\""}},
    {"{\"const\":[]}", {"[]", "[ ]"}, {"{}"}},
    {"{\"type\":[\"string\",\"null\"]}", {"\"a\"", "null"}, {"1"}},
    {"{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"null\"}],\"default\":null,\"title\":\"N\"}",
     {"1", "null"},
     {"\"a\"", "1.5"}},
    {"{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"number\"}]}", {"1", "1.5"}, {"x"}},
    {"{\"allOf\":[{\"type\":\"integer\"}],\"default\":3}", {"1"}, {"1.5"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}",
     {"[]", "[1]", "[1,2]", "[1, 2, 3]", "[\n  1,\n  2\n]", "[ 1 ]", "[\n\t1\n]"},
     {"[1,]", "[,1]", "[\"a\"]", "[1 , 2]", "[1  ,2]", "[  1]", "[", "[1\n\n]"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":1,\"maxItems\":3}",
     {"[1]", "[1,2]", "[1,2,3]"},
     {"[]", "[1,2,3,4]"}},
    {"{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2}",
     {"[1,2]", "[1,2,3,4,5]"},
     {"[]", "[1]"}},
    {"{\"type\":\"array\",\"maxItems\":0}", {"[]"}, {"[1]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
     "\"minItems\":2,\"maxItems\":2}",
     {"[1,\"a\"]"},
     {"[1]", "[\"a\",1]", "[1,\"a\",2]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"},{\"type\":\"string\"}],"
     "\"items\":false}",
     {"[]", "[1]", "[1,\"a\"]"},
     {"[1,\"a\",2]", "[\"a\"]"}},
    {"{\"type\":\"array\",\"prefixItems\":[{\"type\":\"integer\"}],\"items\":{\"type\":\"null\"}}",
     {"[]", "[1]", "[1,null,null]"},
     {"[null]", "[1,1]"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":\"string\"}"
     "},"
     "\"required\":[\"a\",\"b\"]}",
     {"{\"a\": 1, \"b\": \"x\"}", "{\"a\":1,\"b\":\"x\"}", "{\n  \"a\": 1,\n  \"b\": \"x\"\n}"},
     {"{}", "{\"a\": 1}", "{\"b\": \"x\", \"a\": 1}", "{\"a\": 1, \"b\": \"x\", \"c\": 1}",
      "{\"a\" : 1, \"b\": \"x\"}", "{\"a\":  1, \"b\": \"x\"}"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{\"type\":\"integer\"},\"c\":{\"type\":"
     "\"null\"}},\"required\":[\"b\"]}",
     {"{\"b\":1}", "{\"a\":[{}],\"b\":1}", "{\"b\":1,\"c\":null}", "{\"a\":1,\"b\":2,\"c\":null}"},
     {"{}", "{\"a\":1}", "{\"c\":null,\"b\":1}", "{,\"b\":1}", "{\"b\":1,}"}},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
     "\"integer\"}}}",
     {"{}", "{ }", "{\"a\":1}", "{\"b\":1}", "{\"a\":1,\"b\":2}"},
     {"{\"b\":1,\"a\":2}", "{\"c\":1}", "{\"a\":1,\"a\":2}"}},
    {"{\"type\":\"object\",\"properties\":{}}", {"{}"}, {"{\"a\":1}"}},
    {"{\"type\":\"object\"}", {"{}", "{\"a\":1,\"b\":[true]}"}, {"[]", "{a:1}"}},
    {"{\"type\":\"object\",\"additionalProperties\":{\"type\":\"integer\"}}",
     {"{}", "{\"x\":1,\"y\":2}", "{\"\":1}"},
     {"{\"x\":\"a\"}"}},
    {"{\"type\":\"object\",\"properties\":{\"ab\":{\"type\":\"integer\"}},\"required\":[\"ab\"],"
     "\"additionalProperties\":{\"type\":\"string\"}}",
     {"{\"ab\":1}", "{\"ab\":1,\"a\":\"x\",\"abc\":\"y\",\"\":\"z\",\"a\\n\":\"\"}",
      "{\"ab\":1,\"x\\u0061\":\"y\",\"\xc3\xa9\":\"z\"}"},
     {"{\"a\":\"x\",\"ab\":1}", "{\"ab\":1,\"ab\":\"x\"}", "{\"ab\":1,\"c\":2}",
      "{\"ab\":1,\"\\u0061b\":\"x\"}", "{\"ab\":1,\"a\\u0062\":\"x\"}"}},
    {"{\"type\":\"object\",\"required\":[\"k\"]}",
     {"{\"k\":1}", "{\"k\":{},\"z\":2}"},
     {"{}", "{\"z\":2}"}},
    {"{\"type\":\"object\",\"additionalProperties\":false}", {"{}"}, {"{\"a\":1}"}},
    {"{\"properties\":{\"a\":{\"minimum\":3}},\"required\":[\"a\"]}", {"{\"a\":3}"}, {"{\"a\":2}"}},
    {"{}",
     {"1", "\"x\"", "[1, {\"a\": null}]", "{}", "true", "-1.5e3", "[[[[]]]]"},
     {"x", "", "[1", "{\"a\"}"}},
    {"true", {"1", "{}"}, {"x"}},
    {"{\"$ref\":\"#/$defs/"
     "N\",\"$defs\":{\"N\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":"
     "\"integer\"},\"next\":{\"anyOf\":[{\"$ref\":\"#/$defs/"
     "N\"},{\"type\":\"null\"}]}},\"required\":["
     "\"v\",\"next\"]}}}",
     {"{\"v\":1,\"next\":null}", "{\"v\":1,\"next\":{\"v\":2,\"next\":{\"v\":3,\"next\":null}}}"},
     {"{\"v\":1}", "{\"v\":1,\"next\":{}}"}},
    {"{\"type\":\"object\",\"properties\":{\"children\":{\"type\":\"array\",\"items\":{\"$ref\":\"#"
     "\"}}}}",
     {"{}", "{\"children\":[]}", "{\"children\":[{},{\"children\":[{}]}]}"},
     {"{\"children\":[1]}"}},
    {"{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"integer\"}]}", {"1"}, {"x"}},
    {"{\"definitions\":{\"a/b~c d\":{\"const\":1}},\"$ref\":\"#/definitions/a~1b~0c%20d\"}",
     {"1"},
     {"2"}},
};

static void check_texts(const struct schema_case *item, const struct grammar *grammar)
{
    for (size_t i = 0; i < TEXTS_MAX && item->good[i]; i++)
        if (!grammar_reads(grammar, item->good[i], strlen(item->good[i]))) {
            bool complete;
            size_t read = grammar_prefix(grammar, item->good[i], strlen(item->good[i]), &complete);
            fail_msg("%s refuses %s at byte %zu", item->schema, item->good[i], read);
        }
    for (size_t i = 0; i < TEXTS_MAX && item->bad[i]; i++)
        if (grammar_reads(grammar, item->bad[i], strlen(item->bad[i])))
            fail_msg("%s reads %s", item->schema, item->bad[i]);
}

static void test_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (!cases[i].good[0])
            continue;
        struct grammar *grammar = schema_or_fail(cases[i].schema);
        check_texts(&cases[i], grammar);
        grammar_free(grammar);
    }
}

/* What Pydantic 2 writes for a model with most kinds of fields. */
static const char pydantic[] =
    "{\"$defs\": {\"Address\": {\"description\": \"Where\", \"properties\": {\"street\": "
    "{\"title\": "
    "\"Street\", \"type\": \"string\"}, \"zip\": {\"maxLength\": 5, \"minLength\": 5, \"pattern\": "
    "\"^\\\\d+$\", \"title\": \"Zip\", \"type\": \"string\"}}, \"required\": [\"street\", "
    "\"zip\"], "
    "\"title\": \"Address\", \"type\": \"object\"}, \"Cat\": {\"properties\": {\"kind\": "
    "{\"const\": "
    "\"cat\", \"default\": \"cat\", \"title\": \"Kind\", \"type\": \"string\"}}, \"title\": "
    "\"Cat\", "
    "\"type\": \"object\"}, \"Dog\": {\"properties\": {\"kind\": {\"const\": \"dog\", \"title\": "
    "\"Kind\", \"type\": \"string\"}, \"good\": {\"title\": \"Good\", \"type\": \"boolean\"}}, "
    "\"required\": [\"kind\", \"good\"], \"title\": \"Dog\", \"type\": \"object\"}, \"Color\": "
    "{\"enum\": [\"red\", \"green\"], \"title\": \"Color\", \"type\": \"string\"}, \"Node\": "
    "{\"properties\": {\"children\": {\"default\": [], \"items\": {\"$ref\": \"#/$defs/Node\"}, "
    "\"title\": \"Children\", \"type\": \"array\"}}, \"title\": \"Node\", \"type\": \"object\"}}, "
    "\"properties\": {\"name\": {\"title\": \"Name\", \"type\": \"string\"}, \"age\": {\"anyOf\": "
    "[{\"type\": \"integer\", \"exclusiveMinimum\": 0}, {\"type\": \"null\"}], \"default\": null, "
    "\"title\": \"Age\"}, \"color\": {\"$ref\": \"#/$defs/Color\", \"description\": \"Which\"}, "
    "\"addresses\": {\"items\": {\"$ref\": \"#/$defs/Address\"}, \"maxItems\": 2, \"title\": "
    "\"Addresses\", \"type\": \"array\"}, \"scores\": {\"additionalProperties\": {\"type\": "
    "\"number\"}, \"title\": \"Scores\", \"type\": \"object\"}, \"pet\": {\"discriminator\": "
    "{\"mapping\": {\"cat\": \"#/$defs/Cat\", \"dog\": \"#/$defs/Dog\"}, \"propertyName\": "
    "\"kind\"}, \"oneOf\": [{\"$ref\": \"#/$defs/Cat\"}, {\"$ref\": \"#/$defs/Dog\"}], \"title\": "
    "\"Pet\"}, \"pair\": {\"maxItems\": 2, \"minItems\": 2, \"prefixItems\": [{\"type\": "
    "\"integer\"}, {\"type\": \"string\"}], \"title\": \"Pair\", \"type\": \"array\"}, \"when\": "
    "{\"format\": \"date-time\", \"title\": \"When\", \"type\": \"string\"}, \"level\": {\"enum\": "
    "[1, 2, 3], \"title\": \"Level\", \"type\": \"integer\"}, \"ratio\": {\"default\": 0.5, "
    "\"maximum\": 1.0, \"minimum\": 0.0, \"title\": \"Ratio\", \"type\": \"number\"}, \"extra\": "
    "{\"title\": \"Extra\"}, \"tree\": {\"$ref\": \"#/$defs/Node\"}}, \"required\": [\"name\", "
    "\"color\", \"addresses\", \"scores\", \"pet\", \"pair\", \"when\", \"level\", \"extra\", "
    "\"tree\"], \"title\": \"User\", \"type\": \"object\"}";

static void test_pydantic(void **state)
{
    (void)state;
    static const char good[] =
        "{\"name\": \"A\", \"age\": 3, \"color\": \"red\", \"addresses\": [{\"street\": \"s\", "
        "\"zip\": \"12345\"}], \"scores\": {\"a\": 1.5}, \"pet\": {\"kind\": \"dog\", \"good\": "
        "true}, \"pair\": [1, \"x\"], \"when\": \"2024-01-02T03:04:05Z\", \"level\": 2, \"ratio\": "
        "0.25, \"extra\": {\"any\": [null]}, \"tree\": {\"children\": [{\"children\": []}, {}]}}";
    static const char without[] =
        "{\"name\":\"A\",\"color\":\"green\",\"addresses\":[],\"scores\":{},\"pet\":{},\"pair\":[1,"
        "\"x\"],\"when\":\"2024-01-02T03:04:05+01:00\",\"level\":3,\"extra\":null,\"tree\":{}}";
    static const char bad[] = "{\"name\": \"A\", \"age\": 0";
    bool complete;
    struct grammar *grammar = schema_or_fail(pydantic);
    assert_true(grammar_reads(grammar, good, sizeof good - 1));
    assert_true(grammar_reads(grammar, without, sizeof without - 1));
    assert_int_equal(grammar_prefix(grammar, bad, sizeof bad - 1, &complete), sizeof bad - 2);
    grammar_free(grammar);
}

static const struct {
    const char *schema;
    octet_status status;
    const char *message;
} refused[] = {
    {"{\"properties\":{\"a\":{\"not\":{}}}}", OCTET_UNSUPPORTED,
     "schema.properties.a: keyword 'not' is not supported"},
    {"{\"items\":{\"anyOf\":[{},{\"multipleOf\":3}]}}", OCTET_UNSUPPORTED,
     "schema.items.anyOf[1]: keyword 'multipleOf' is not supported"},
    {"{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"if\":{}}}}", OCTET_UNSUPPORTED,
     "schema.$defs.A: keyword 'if'"},
    {"{\"type\":\"array\",\"uniqueItems\":true}", OCTET_UNSUPPORTED, "'uniqueItems'"},
    {"{\"patternProperties\":{}}", OCTET_UNSUPPORTED, "'patternProperties'"},
    {"{\"type\":\"string\",\"format\":\"iri\"}", OCTET_UNSUPPORTED, "'format' \"iri\""},
    {"{\"format\":\"date\",\"pattern\":\"a\"}", OCTET_UNSUPPORTED, "beside 'format'"},
    {"{\"type\":\"string\",\"pattern\":\"(?=a)b\"}", OCTET_UNSUPPORTED,
     "schema: regular expression: look-around"},
    {"{\"properties\":{\"p\":{\"pattern\":\"(a\"}}}", OCTET_INPUT,
     "schema.properties.p: regular expression: a group"},
    {"{\"anyOf\":[{}],\"minLength\":1}", OCTET_UNSUPPORTED, "keyword 'minLength' beside 'anyOf'"},
    {"{\"$ref\":\"#\",\"type\":\"string\"}", OCTET_UNSUPPORTED, "keyword 'type' beside '$ref'"},
    {"{\"enum\":[1],\"minimum\":1}", OCTET_UNSUPPORTED, "keyword 'minimum' beside 'enum'"},
    {"{\"allOf\":[{},{}]}", OCTET_UNSUPPORTED, "'allOf' of 2 entries"},
    {"{\"$ref\":\"http://x/y\"}", OCTET_UNSUPPORTED, "http://x/y"},
    {"{\"items\":[{}]}", OCTET_UNSUPPORTED, "'prefixItems'"},
    {"{\"$ref\":\"#/$defs/B\"}", OCTET_INPUT, "leads nowhere"},
    {"{\"$ref\":\"#/x/-1\",\"x-\":1}", OCTET_INPUT, "leads nowhere"},
    {"{\"$ref\":1}", OCTET_INPUT, "'$ref' must be a string"},
    {"{\"$ref\":\"#\"}", OCTET_INPUT, "no text can satisfy"},
    {"{\"anyOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", OCTET_INPUT, "no text can satisfy"},
    {"false", OCTET_INPUT, "no text can satisfy"},
    {"{\"type\":\"array\",\"minItems\":2,\"maxItems\":1}", OCTET_INPUT, "no text can satisfy"},
    {"{\"type\":\"string\",\"minLength\":2,\"maxLength\":1}", OCTET_INPUT, "no text can satisfy"},
    {"{\"type\":\"string\",\"pattern\":\"^ab$\",\"maxLength\":1}", OCTET_INPUT,
     "no text can satisfy"},
    {"{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", OCTET_INPUT, "no text can satisfy"},
    {"{\"type\":\"integer\",\"exclusiveMinimum\":5,\"exclusiveMaximum\":6}", OCTET_INPUT,
     "no text"},
    {"{\"type\":\"integer\",\"minimum\":9223372036854775808}", OCTET_INPUT, "no text"},
    {"{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":0}", OCTET_INPUT, "no text"},
    {"{\"type\":\"object\",\"required\":[\"a\"],\"additionalProperties\":false}", OCTET_INPUT,
     "no text"},
    {"{\"type\":\"object\",\"properties\":{\"a\":{\"$ref\":\"#\"}},\"required\":[\"a\"]}",
     OCTET_INPUT, "no text"},
    {"{\"type\":\"string\",\"enum\":[1,2]}", OCTET_INPUT, "no text"},
    {"{\"type\":\"text\"}", OCTET_INPUT, "'type' is text"},
    {"{\"type\":3}", OCTET_INPUT, "'type' is integer"},
    {"{\"type\":[]}", OCTET_INPUT, "'type' is an empty list"},
    {"{\"enum\":[]}", OCTET_INPUT, "'enum'"},
    {"{\"enum\":\"a\"}", OCTET_INPUT, "'enum'"},
    {"{\"anyOf\":[]}", OCTET_INPUT, "'anyOf'"},
    {"{\"minLength\":-1}", OCTET_INPUT, "'minLength'"},
    {"{\"minLength\":1.5}", OCTET_INPUT, "'minLength'"},
    {"{\"minItems\":\"1\"}", OCTET_INPUT, "'minItems'"},
    {"{\"minimum\":\"1\"}", OCTET_INPUT, "'minimum' must be a number, found string"},
    {"{\"exclusiveMinimum\":true,\"type\":\"number\"}", OCTET_INPUT, "'exclusiveMinimum'"},
    {"{\"pattern\":1}", OCTET_INPUT, "'pattern'"},
    {"{\"format\":1}", OCTET_INPUT, "'format'"},
    {"{\"properties\":[]}", OCTET_INPUT, "'properties'"},
    {"{\"required\":\"a\"}", OCTET_INPUT, "'required'"},
    {"{\"required\":[1]}", OCTET_INPUT, "'required'"},
    {"{\"additionalProperties\":1}", OCTET_INPUT, "'additionalProperties'"},
    {"{\"prefixItems\":{}}", OCTET_INPUT, "'prefixItems'"},
    {"{\"properties\":{\"a\":5}}", OCTET_INPUT, "schema.properties.a: a schema is an object"},
    {"[]", OCTET_INPUT, "schema: a schema is an object or a boolean, found array"},
    {"{\"maxItems\":10001}", OCTET_LIMIT, "'maxItems'"},
    {"{\"minLength\":99999999}", OCTET_LIMIT, "'minLength'"},
    {"{\"type\":\"string\",\"pattern\":\"a{3000}\",\"maxLength\":100000}", OCTET_LIMIT, "schema: "},
    {"{\"type\":\"string\",\"pattern\":\"a.{30}$\"}", OCTET_LIMIT, "regular expression"},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct octet_error err = {.status = OCTET_OK};
        octet_status status = schema_status(refused[i].schema, &err);
        if (status != refused[i].status || !strstr(err.message, refused[i].message))
            fail_msg("%s: status %d, \"%s\"", refused[i].schema, status, err.message);
        /* A caller that wants no message gets the same answer. */
        struct json *schema = NULL;
        struct grammar *grammar = NULL;
        assert_int_equal(
            json_parse(refused[i].schema, strlen(refused[i].schema), 1 << 20, "s", &schema, &err),
            OCTET_OK);
        assert_int_equal(grammar_json_schema(schema, &grammar, NULL), status);
        assert_null(grammar);
        json_free(schema);
    }
}

/* Large and hostile schemas: an answer, whatever it is, within the caps. */
static void check_hostile(struct buffer *schema, octet_status expected, const char *message)
{
    struct octet_error err = {.status = OCTET_OK};
    assert_false(buffer_failed(schema));
    octet_status status = schema_status(buffer_text(schema), &err);
    if (status != expected || (message && !strstr(err.message, message)))
        fail_msg("%.60s...: status %d, \"%s\"", buffer_text(schema), status, err.message);
    buffer_clear(schema);
}

static void test_hostile(void **state)
{
    (void)state;
    struct buffer schema;
    buffer_init(&schema, (size_t)8 << 20);
    buffer_append_str(&schema, "{\"enum\":[0");
    for (int i = 0; i < 10000; i++)
        buffer_printf(&schema, ",\"value number %d\"", i);
    buffer_append_str(&schema, "]}");
    check_hostile(&schema, OCTET_OK, NULL);

    buffer_append_str(&schema, "{\"anyOf\":[{}");
    for (int i = 0; i < 1000; i++)
        buffer_printf(&schema, ",{\"properties\":{\"p%d\":{}}}", i);
    buffer_append_str(&schema, "]}");
    check_hostile(&schema, OCTET_LIMIT, "followed at once");

    /* Each reference leads to the next: deep to follow, shallow to write. */
    for (int count = 100; count <= 5000; count += 4900) {
        buffer_append_str(&schema,
                          "{\"items\":{\"$ref\":\"#/$defs/0\"},\"minItems\":1,\"$defs\":{");
        for (int i = 0; i < count; i++)
            buffer_printf(&schema, "\"%d\":{\"$ref\":\"#/$defs/%d\"},", i, i + 1);
        buffer_printf(&schema, "\"%d\":{\"type\":\"null\"}}}", count);
        check_hostile(&schema, count == 100 ? OCTET_OK : OCTET_LIMIT, NULL);
    }

    /* Each level needs two of the next one: 2^80 values. */
    buffer_append_str(&schema, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (int i = 0; i < 80; i++)
        buffer_printf(
            &schema,
            "\"%d\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/%d\"},\"minItems\":2,"
            "\"maxItems\":2},",
            i, i + 1);
    buffer_append_str(&schema, "\"80\":{\"type\":\"null\"}}}");
    check_hostile(&schema, OCTET_LIMIT, "nested deeper");

    for (int i = 0; i < 100; i++)
        buffer_append_str(&schema, "{\"items\":");
    buffer_append_str(&schema, "{}");
    for (int i = 0; i < 100; i++)
        buffer_append_str(&schema, "}");
    check_hostile(&schema, OCTET_LIMIT, "nested deeper than 64");

    buffer_append_str(&schema, "{\"description\":\"");
    for (int i = 0; i < GRAMMAR_SOURCE_BYTES_MAX; i++)
        buffer_append_char(&schema, 'x');
    buffer_append_str(&schema, "\"}");
    check_hostile(&schema, OCTET_LIMIT, "bytes");

    buffer_append_str(&schema, "{\"required\":[\"k0\"");
    for (int i = 1; i < 6000; i++)
        buffer_printf(&schema, ",\"k%d\"", i);
    buffer_append_str(&schema, "],\"properties\":{\"k0\":{}");
    for (int i = 1; i < 6000; i++)
        buffer_printf(&schema, ",\"k%d\":{}", i);
    buffer_append_str(&schema, "}}");
    check_hostile(&schema, OCTET_OK, NULL);

    buffer_append_str(&schema, "{\"properties\":{\"k0\":{}");
    for (int i = 1; i < 1000; i++)
        buffer_printf(&schema, ",\"k%d\":{}", i);
    buffer_append_str(&schema, "}}");
    check_hostile(&schema, OCTET_LIMIT, "optional properties");

    buffer_append_str(&schema,
                      "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"enum\":["
                      "1]},\"maxItems\":10000},\"maxItems\":10000}");
    check_hostile(&schema, OCTET_OK, NULL);
    buffer_free(&schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pydantic),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
