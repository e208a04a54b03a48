/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mutations of test_broken.c, which includes this file once: what each does to the checkpoint
 * and which parts its sentence must have.
 */
#define BEND(name, ...)                                                                            \
    static void bend_##name(struct checkpoint_image *image)                                        \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define DAMAGE(name, ...)                                                                          \
    static void damage_##name(const char *directory)                                               \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* clang-format off */
DAMAGE(empty_file, truncate_file(directory, FIRST, 0);)
DAMAGE(seven_bytes, truncate_file(directory, FIRST, 7);)
DAMAGE(cut_in_header, truncate_file(directory, FIRST, 100);)
DAMAGE(cut_in_data, truncate_file(directory, FIRST, -40);)
DAMAGE(trailing_bytes, size_t size; char *bytes = read_file(directory, FIRST, &size);
       bytes = realloc(bytes, size + 8); memset(bytes + size, 0, 8);
       write_file(directory, FIRST, bytes, size + 8); free(bytes);)
DAMAGE(header_too_long, set_header_length(directory, 100000001);)
DAMAGE(header_length_huge, set_header_length(directory, UINT64_MAX);)
DAMAGE(header_length_zero, set_header_length(directory, 0);)
DAMAGE(web_page, write_text(directory, FIRST, "<html><body>Access denied</body></html>");)
DAMAGE(lfs_pointer, write_text(directory, FIRST,
       "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n");)
DAMAGE(lfs_config, write_text(directory, "config.json",
       "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4\n");)
DAMAGE(header_not_json, edit_header(directory, "{", "{{");)
DAMAGE(header_array, replace_header(directory, "[]");)
DAMAGE(header_space_first, edit_header(directory, "{", " {");)
DAMAGE(header_invalid_utf8, edit_header(directory, "embed_tokens", "embed\xFFtokens");)
DAMAGE(duplicate_in_file, edit_header(directory, "model.layers.0.input_layernorm.weight",
       "model.embed_tokens.weight");)
DAMAGE(file_is_folder, remove_file_of(directory, SECOND); char path[2 * IMAGE_PATH];
       snprintf(path, sizeof path, "%s/" SECOND "/x", directory);
       struct octet_error err; *strrchr(path, '/') = 0;
       assert_int_equal(directory_create(path, &err), OCTET_OK);)
DAMAGE(absent_file, remove_file_of(directory, SECOND);)
DAMAGE(absent_config, remove_file_of(directory, "config.json");)
DAMAGE(no_weights, no_weights_of(directory);)
DAMAGE(pytorch_only, no_weights_of(directory); write_text(directory, "pytorch_model.bin", "PK");)
DAMAGE(config_broken, write_text(directory, "config.json", "{\"hidden_size\": 136,");)
DAMAGE(config_array, write_text(directory, "config.json", "[1]");)
DAMAGE(index_broken, write_text(directory, INDEX, "{\"weight_map\": {");)
DAMAGE(index_without_map, write_text(directory, INDEX, "{\"metadata\": {}}");)
DAMAGE(index_outside, write_text(directory, INDEX,
       "{\"weight_map\": {\"a\": \"../../etc/model.safetensors\"}}");)
DAMAGE(quant_model_description, write_text(directory, "quant_model_description.json", "{}");)
DAMAGE(hf_quant_broken, write_text(directory, "hf_quant_config.json", "[]");)

BEND(metadata_number, json_set(image->files[0].header, "__metadata__",
     parse("{\"format\": 3}"));)
BEND(metadata_array, json_set(image->files[0].header, "__metadata__", parse("[]"));)
BEND(dtype_unknown, set_field(image, Q, "dtype", "\"F9\"");)
BEND(dtype_number, set_field(image, Q, "dtype", "8");)
BEND(dtype_f4, set_field(image, Q, "dtype", "\"F4\"");)
BEND(dtype_e5m2, set_field(image, Q, "dtype", "\"F8_E5M2\"");)
BEND(shape_negative, set_field(image, Q, "shape", "[-128, 136]");)
BEND(shape_text, set_field(image, Q, "shape", "\"128x136\"");)
BEND(shape_real, set_field(image, Q, "shape", "[128.0, 136]");)
BEND(shape_overflow, set_field(image, Q, "shape", "[9223372036854775807, 9223372036854775807]");)
BEND(shape_too_small, set_field(image, Q, "shape", "[127, 136]");)
BEND(shape_rank, set_field(image, Q, "shape", "[1,1,1,1,1,1,1,128,136]");)
BEND(shape_swapped, set_field(image, K, "shape", "[136, 64]");)
BEND(offsets_reversed, set_field(image, Q, "data_offsets", "[9000, 8000]");)
BEND(offsets_huge, set_field(image, Q, "data_offsets", "[0, 18446744073709551616]");)
BEND(offsets_three, set_field(image, Q, "data_offsets", "[0, 1, 2]");)
BEND(offsets_absent, json_remove(image_entry(image, Q), "data_offsets");)
BEND(entry_number, json_set(image->files[0].header, Q, json_new_integer(1));)
BEND(overlap, struct json *entry = image_entry(image, K);
     const struct json *pair = json_get(entry, "data_offsets");
     char text[64]; snprintf(text, sizeof text, "[%lld, %lld]",
         (long long)json_integer(json_at(pair, 0), 0) - 64,
         (long long)json_integer(json_at(pair, 1), 0) - 64);
     set_field(image, K, "data_offsets", text);)
BEND(gap, json_remove(image->files[0].header, Q);
     json_remove((struct json *)json_get(image->index, "weight_map"), Q);)
BEND(duplicate_across, struct json *entry = json_copy(image_entry(image, "model.norm.weight"));
     char text[64]; size_t end = image->files[0].data.size; unsigned char zero[272] = {0};
     buffer_append(&image->files[0].data, zero, sizeof zero);
     snprintf(text, sizeof text, "[%zu, %zu]", end, end + sizeof zero);
     json_set(entry, "data_offsets", parse(text));
     json_set(image->files[0].header, "model.norm.weight", entry);)
BEND(index_missing_tensor, json_remove((struct json *)json_get(image->index, "weight_map"), Q);)
BEND(index_wrong_file, json_set((struct json *)json_get(image->index, "weight_map"), Q,
     json_new_string(SECOND));)
BEND(index_unknown_tensor, json_set((struct json *)json_get(image->index, "weight_map"),
     "model.layers.9.mlp.up_proj.weight", json_new_string(SECOND));)

BEND(fp8_without_scale, remove_tensor(image, Q "_scale_inv");)
BEND(scale_without_fp8, set_field(image, Q, "dtype", "\"I8\"");)
BEND(scale_without_weight, remove_tensor(image, Q);)
BEND(scale_of_bf16, remove_tensor(image, Q);
     image_add(image, 0, Q, "BF16", 2, 128, 136);)
BEND(two_scales, image_add(image, 1, Q "_scale", "BF16", 2, 1, 2);)
BEND(scale_transposed, set_field(image, DOWN "_scale_inv", "shape", "[3, 2]");)
BEND(scale_flat, set_field(image, DOWN "_scale_inv", "shape", "[6]");)
BEND(scale_one, remove_tensor(image, DOWN "_scale_inv");
     image_add(image, 0, DOWN "_scale_inv", "BF16", 2, 1, 1);)
BEND(scale_integer, remove_tensor(image, DOWN "_scale_inv");
     image_add(image, 0, DOWN "_scale_inv", "I32", 2, 2, 3);)
BEND(scale_zero, set_scale(image, DOWN "_scale_inv", 4, 0);)
BEND(scale_minus_zero, set_scale(image, DOWN "_scale_inv", 4, 0x8000);)
BEND(scale_negative, set_scale(image, DOWN "_scale_inv", 5, bf16_from_f32(-0.5f));)
BEND(scale_nan, set_scale(image, DOWN "_scale_inv", 2, 0x7FC0);)
BEND(scale_infinite, set_scale(image, DOWN "_scale_inv", 0, 0x7F80);)
BEND(scale_overflows, set_scale(image, DOWN "_scale_inv", 0, 0x7F7F);
     image_bytes(image, DOWN, NULL)[0] = 0x7E;)
BEND(code_nan, image_bytes(image, K, NULL)[3 * 136 + 5] = 0x7F;)
BEND(code_minus_nan, image_bytes(image, DOWN, NULL)[135 * 264 + 263] = 0xFF;)
BEND(block_size_other, set_quantization(image, "{\"quant_method\":\"fp8\","
     "\"weight_block_size\":[64,64]}");)
BEND(block_size_zero, set_quantization(image, "{\"quant_method\":\"fp8\","
     "\"weight_block_size\":[0,128]}");)
BEND(block_size_text, set_quantization(image, "{\"quant_method\":\"fp8\","
     "\"weight_block_size\":\"128\"}");)
BEND(method_awq, set_quantization(image, "{\"quant_method\":\"awq\",\"bits\":4}");)
BEND(method_gptq, set_quantization(image, "{\"quant_method\":\"gptq\",\"bits\":4}");)
BEND(method_bnb, set_quantization(image, "{\"load_in_4bit\":true}");)
BEND(method_mxfp4, set_quantization(image, "{\"quant_method\":\"mxfp4\"}");)
BEND(method_unknown, set_quantization(image, "{\"quant_method\":\"zipper9\"}");)
BEND(method_e5m2, set_quantization(image, "{\"quant_method\":\"fp8\",\"fmt\":\"e5m2\"}");)
BEND(method_int8, set_quantization(image, "{\"quant_method\":\"compressed-tensors\",\"format\":"
     "\"int-quantized\",\"config_groups\":{}}");)
BEND(method_nvfp4, set_quantization(image, "{\"quant_method\":\"modelopt\",\"quant_algo\":"
     "\"NVFP4\"}");)
BEND(method_modelslim, set_config(image, "quantize", "\"w8a8_dynamic\"");)
BEND(quantization_number, set_quantization(image, "8");)

BEND(missing_norm, remove_tensor(image, "model.norm.weight");)
BEND(missing_head, remove_tensor(image, "lm_head.weight");)
BEND(extra_tensor, image_add(image, 0, "model.layers.1.input_layernorm.weight", "BF16", 1, 136,
     0);)
BEND(extra_bias, image_add(image, 0, "model.layers.0.self_attn.q_proj.bias", "BF16", 1, 128, 0);)
BEND(head_differs, set_config(image, "tie_word_embeddings", "true");)
BEND(norm_is_fp8, remove_tensor(image, "model.norm.weight");
     image_add(image, 0, "model.norm.weight", "I8", 1, 136, 0);)
BEND(one_layer_more, set_config(image, "num_hidden_layers", "2");)
BEND(vocabulary_other, set_config(image, "vocab_size", "33");)
BEND(heads_ragged, set_config(image, "num_attention_heads", "3");
     set_config(image, "num_key_value_heads", "2");)
BEND(hidden_absent, json_remove(image->config, "hidden_size");)
BEND(hidden_text, set_config(image, "hidden_size", "\"136\"");)
BEND(layers_negative, set_config(image, "num_hidden_layers", "-1");)
BEND(layers_huge, set_config(image, "num_hidden_layers", "100000000000000000000");)
BEND(activation_gelu, set_config(image, "hidden_act", "\"gelu\"");)
BEND(architecture_other, set_config(image, "architectures", "[\"MambaForCausalLM\"]");)
BEND(sliding_window, set_config(image, "layer_types", "[\"sliding_attention\"]");)
BEND(rope_dynamic, set_config(image, "rope_scaling", "{\"rope_type\":\"dynamic\",\"factor\":2}");)
BEND(rope_without_factor, set_config(image, "rope_scaling", "{\"rope_type\":\"yarn\"}");)

static const struct mutation mutations[] = {
    {"empty file", NULL, damage_empty_file, OCTET_INPUT, {FIRST, "0 bytes", "download"}},
    {"file of 7 bytes", NULL, damage_seven_bytes, OCTET_INPUT, {FIRST, "7 bytes", "download"}},
    {"cut in the header", NULL, damage_cut_in_header, OCTET_INPUT, {FIRST, "cut short", "download"}},
    {"cut in the data", NULL, damage_cut_in_data, OCTET_INPUT, {FIRST, "cut short", "download"}},
    {"trailing bytes", NULL, damage_trailing_bytes, OCTET_INPUT, {FIRST, "8 bytes follow"}},
    {"header past 100 MB", NULL, damage_header_too_long, OCTET_INPUT, {FIRST, "100000001", "at most 100000000"}},
    {"header length 2^64-1", NULL, damage_header_length_huge, OCTET_INPUT, {FIRST, "18446744073709551615"}},
    {"header length 0", NULL, damage_header_length_zero, OCTET_INPUT, {FIRST, "does not begin with '{'"}},
    {"web page for a file", NULL, damage_web_page, OCTET_INPUT, {FIRST, "web page", "download"}},
    {"Git-LFS pointer for weights", NULL, damage_lfs_pointer, OCTET_INPUT, {FIRST, "Git-LFS pointer", "git lfs pull"}},
    {"Git-LFS pointer for config.json", NULL, damage_lfs_config, OCTET_INPUT, {"config.json", "Git-LFS pointer", "git lfs pull"}},
    {"header is no JSON", NULL, damage_header_not_json, OCTET_INPUT, {FIRST, "line 1"}},
    {"header is an array", NULL, damage_header_array, OCTET_INPUT, {FIRST, "'{'"}},
    {"header begins with a space", NULL, damage_header_space_first, OCTET_INPUT, {FIRST, "'{'"}},
    {"name is not UTF-8", NULL, damage_header_invalid_utf8, OCTET_INPUT, {FIRST}},
    {"name twice in a file", NULL, damage_duplicate_in_file, OCTET_INPUT, {FIRST, "duplicate", "embed_tokens"}},
    {"folder for a file", NULL, damage_file_is_folder, OCTET_INPUT, {SECOND, "directory", "regular file"}},
    {"index names an absent file", NULL, damage_absent_file, OCTET_INPUT, {INDEX, SECOND, "absent", "download"}},
    {"no config.json", NULL, damage_absent_config, OCTET_INPUT, {"config.json", "no such file"}},
    {"no weights", NULL, damage_no_weights, OCTET_INPUT, {"no .safetensors", "download"}},
    {"PyTorch weights only", NULL, damage_pytorch_only, OCTET_UNSUPPORTED, {"pytorch_model.bin", "safetensors version"}},
    {"config.json cut short", NULL, damage_config_broken, OCTET_INPUT, {"config.json", "line"}},
    {"config.json is an array", NULL, damage_config_array, OCTET_INPUT, {"config.json", "expected an object"}},
    {"index cut short", NULL, damage_index_broken, OCTET_INPUT, {INDEX, "line"}},
    {"index without weight_map", NULL, damage_index_without_map, OCTET_INPUT, {INDEX, "weight_map"}},
    {"index points outside", NULL, damage_index_outside, OCTET_INPUT, {INDEX, "same folder"}},
    {"ModelSlim description", NULL, damage_quant_model_description, OCTET_UNSUPPORTED, {"ModelSlim"}},
    {"hf_quant_config.json is an array", NULL, damage_hf_quant_broken, OCTET_INPUT, {"hf_quant_config.json", "expected an object"}},
    {"metadata holds a number", bend_metadata_number, NULL, OCTET_INPUT, {FIRST, "__metadata__", "format"}},
    {"metadata is an array", bend_metadata_array, NULL, OCTET_INPUT, {FIRST, "__metadata__"}},
    {"unknown dtype", bend_dtype_unknown, NULL, OCTET_INPUT, {Q, "'F9'", "F8_E4M3"}},
    {"dtype is a number", bend_dtype_number, NULL, OCTET_INPUT, {Q, "dtype"}},
    {"4-bit floats", bend_dtype_f4, NULL, OCTET_UNSUPPORTED, {Q, "F4"}},
    {"FP8 E5M2 tensor", bend_dtype_e5m2, NULL, OCTET_UNSUPPORTED, {Q, "F8_E5M2"}},
    {"negative extent", bend_shape_negative, NULL, OCTET_INPUT, {Q, "dimension 0"}},
    {"shape is a text", bend_shape_text, NULL, OCTET_INPUT, {Q, "shape"}},
    {"extent is a real", bend_shape_real, NULL, OCTET_INPUT, {Q, "dimension 0"}},
    {"shape past 2^64", bend_shape_overflow, NULL, OCTET_INPUT, {Q, "2^64"}},
    {"shape and offsets disagree", bend_shape_too_small, NULL, OCTET_INPUT, {Q, "[127, 136]", "17408", "17272"}},
    {"nine dimensions", bend_shape_rank, NULL, OCTET_INPUT, {Q, "9 dimensions"}},
    {"weight transposed", bend_shape_swapped, NULL, OCTET_INPUT, {K "_scale_inv", "[136, 64]", "[2, 1]", "transposed"}},
    {"offsets end before they begin", bend_offsets_reversed, NULL, OCTET_INPUT, {Q, "[9000, 8000]"}},
    {"offset past 2^63", bend_offsets_huge, NULL, OCTET_INPUT, {Q, "data_offsets"}},
    {"three offsets", bend_offsets_three, NULL, OCTET_INPUT, {Q, "data_offsets"}},
    {"no offsets", bend_offsets_absent, NULL, OCTET_INPUT, {Q, "data_offsets"}},
    {"tensor entry is a number", bend_entry_number, NULL, OCTET_INPUT, {Q, "expected an object"}},
    {"overlapping tensors", bend_overlap, NULL, OCTET_INPUT, {K, Q, "overlap"}},
    {"gap between tensors", bend_gap, NULL, OCTET_INPUT, {FIRST, "belong to no tensor", K}},
    {"name in two files", bend_duplicate_across, NULL, OCTET_INPUT, {"model.norm.weight", FIRST, SECOND}},
    {"tensor not in the index", bend_index_missing_tensor, NULL, OCTET_INPUT, {INDEX, Q, "not in the index"}},
    {"index names the other file", bend_index_wrong_file, NULL, OCTET_INPUT, {INDEX, Q, FIRST, SECOND}},
    {"index names a tensor that no file has", bend_index_unknown_tensor, NULL, OCTET_INPUT, {INDEX, "model.layers.9"}},
    {"FP8 without scale", bend_fp8_without_scale, NULL, OCTET_INPUT, {FIRST, Q, "has no scale", Q "_scale_inv"}},
    {"integers with a scale", bend_scale_without_fp8, NULL, OCTET_UNSUPPORTED, {Q, "I8"}},
    {"scale without weight", bend_scale_without_weight, NULL, OCTET_INPUT, {SECOND, Q "_scale_inv", "no FP8 weight"}},
    {"scale of a BF16 weight", bend_scale_of_bf16, NULL, OCTET_INPUT, {Q "_scale_inv", "BF16", "expected F8_E4M3"}},
    {"two scales for a weight", bend_two_scales, NULL, OCTET_INPUT, {Q, "two scales"}},
    {"transposed scale grid", bend_scale_transposed, NULL, OCTET_INPUT, {DOWN "_scale_inv", "[3, 2]", "[2, 3]", "transposed"}},
    {"scale grid is flat", bend_scale_flat, NULL, OCTET_INPUT, {DOWN "_scale_inv", "[6]", "[2, 3]"}},
    {"one scale for blocks", bend_scale_one, NULL, OCTET_INPUT, {DOWN "_scale_inv", "[1, 1]", "[2, 3]"}},
    {"scale of integers", bend_scale_integer, NULL, OCTET_INPUT, {DOWN "_scale_inv", "I32", "expected F32"}},
    {"scale 0", bend_scale_zero, NULL, OCTET_INPUT, {DOWN "_scale_inv", "zero", "row 1, column 1"}},
    {"scale -0", bend_scale_minus_zero, NULL, OCTET_INPUT, {DOWN "_scale_inv", "zero", "row 1, column 1"}},
    {"negative scale", bend_scale_negative, NULL, OCTET_INPUT, {DOWN "_scale_inv", "negative", "row 1, column 2"}},
    {"scale NaN", bend_scale_nan, NULL, OCTET_INPUT, {DOWN "_scale_inv", "NaN", "row 0, column 2"}},
    {"scale infinite", bend_scale_infinite, NULL, OCTET_INPUT, {DOWN "_scale_inv", "infinite", "row 0, column 0"}},
    {"product beyond BF16", bend_scale_overflows, NULL, OCTET_INPUT, {DOWN, "beyond BF16", "row 0"}},
    {"code 0x7F", bend_code_nan, NULL, OCTET_INPUT, {FIRST, K, "0x7F", "row 3, column 5"}},
    {"code 0xFF", bend_code_minus_nan, NULL, OCTET_INPUT, {SECOND, DOWN, "0xFF", "row 135, column 263"}},
    {"other block size stated", bend_block_size_other, NULL, OCTET_INPUT, {"_scale_inv", "64x64", "weight_block_size"}},
    {"block size 0", bend_block_size_zero, NULL, OCTET_INPUT, {"config.json", "weight_block_size"}},
    {"block size is a text", bend_block_size_text, NULL, OCTET_INPUT, {"config.json", "weight_block_size"}},
    {"AWQ", bend_method_awq, NULL, OCTET_UNSUPPORTED, {"AWQ", "use such a checkpoint"}},
    {"GPTQ", bend_method_gptq, NULL, OCTET_UNSUPPORTED, {"GPTQ"}},
    {"bitsandbytes", bend_method_bnb, NULL, OCTET_UNSUPPORTED, {"bitsandbytes"}},
    {"MXFP4", bend_method_mxfp4, NULL, OCTET_UNSUPPORTED, {"MXFP4"}},
    {"unknown method", bend_method_unknown, NULL, OCTET_UNSUPPORTED, {"zipper9"}},
    {"E5M2 stated", bend_method_e5m2, NULL, OCTET_UNSUPPORTED, {"E5M2"}},
    {"INT8 compressed-tensors", bend_method_int8, NULL, OCTET_UNSUPPORTED, {"int-quantized"}},
    {"ModelOpt NVFP4", bend_method_nvfp4, NULL, OCTET_UNSUPPORTED, {"NVFP4"}},
    {"ModelSlim in config.json", bend_method_modelslim, NULL, OCTET_UNSUPPORTED, {"ModelSlim"}},
    {"quantization_config is a number", bend_quantization_number, NULL, OCTET_INPUT, {"config.json", "expected an object"}},
    {"missing norm", bend_missing_norm, NULL, OCTET_INPUT, {"model.norm.weight", "missing", "[136]"}},
    {"missing head", bend_missing_head, NULL, OCTET_INPUT, {"lm_head.weight", "missing", "[32, 136]"}},
    {"extra tensor", bend_extra_tensor, NULL, OCTET_INPUT, {FIRST, "model.layers.1.input_layernorm.weight", "no place"}},
    {"extra bias", bend_extra_bias, NULL, OCTET_INPUT, {"q_proj.bias", "no place", "Qwen3ForCausalLM"}},
    {"tied head that differs", bend_head_differs, NULL, OCTET_INPUT, {"lm_head.weight", "model.embed_tokens.weight", "tie_word_embeddings"}},
    {"norm of integers", bend_norm_is_fp8, NULL, OCTET_INPUT, {"model.norm.weight", "I8", "expected BF16"}},
    {"one layer more stated", bend_one_layer_more, NULL, OCTET_INPUT, {"model.layers.1.", "missing"}},
    {"other vocabulary stated", bend_vocabulary_other, NULL, OCTET_INPUT, {"model.embed_tokens.weight", "[32, 136]", "[33, 136]"}},
    {"heads no multiple of KV heads", bend_heads_ragged, NULL, OCTET_INPUT, {"num_attention_heads", "multiple"}},
    {"hidden_size absent", bend_hidden_absent, NULL, OCTET_INPUT, {"config.json", "hidden_size"}},
    {"hidden_size is a text", bend_hidden_text, NULL, OCTET_INPUT, {"config.json", "hidden_size"}},
    {"negative layers", bend_layers_negative, NULL, OCTET_INPUT, {"num_hidden_layers", "-1"}},
    {"layers past 2^63", bend_layers_huge, NULL, OCTET_INPUT, {"num_hidden_layers"}},
    {"GELU", bend_activation_gelu, NULL, OCTET_UNSUPPORTED, {"hidden_act", "gelu"}},
    {"other architecture", bend_architecture_other, NULL, OCTET_UNSUPPORTED, {"MambaForCausalLM", "Qwen3ForCausalLM"}},
    {"sliding window", bend_sliding_window, NULL, OCTET_UNSUPPORTED, {"sliding_attention"}},
    {"dynamic RoPE scaling", bend_rope_dynamic, NULL, OCTET_UNSUPPORTED, {"rope_scaling", "dynamic"}},
    {"YaRN without factor", bend_rope_without_factor, NULL, OCTET_INPUT, {"factor"}},
};
/* clang-format on */
