/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small checkpoint in memory, for tests: built, bent in one place, and written to a folder. Any
 * failure of these helpers fails the running cmocka test.
 */
#ifndef TESTS_CHECKPOINT_CHECKPOINT_IMAGE_H
#define TESTS_CHECKPOINT_CHECKPOINT_IMAGE_H

#include "base/buffer.h"
#include "base/json.h"
#include "base/rng.h"

#define IMAGE_FILES_MAX 4
#define IMAGE_PATH 512

struct image_file {
    char name[64];
    struct json *header;
    struct buffer data;
};

struct checkpoint_image {
    struct json *config;
    struct json *index; /* NULL: none is written */
    struct image_file files[IMAGE_FILES_MAX];
    size_t file_count;
    struct rng rng;
};

/* An empty checkpoint with `files` files: model.safetensors, or model-0000N-of-... and an index. */
void image_init(struct checkpoint_image *image, size_t files, const char *config);
void image_free(struct checkpoint_image *image);

/* Append a tensor with random content that suits its type: FP8 codes without NaN, scales > 0. */
void image_add(struct checkpoint_image *image, size_t file, const char *name, const char *dtype,
               int rank, uint64_t rows, uint64_t cols);

/*
 * Qwen3 with 1 layer, hidden 136, 2 heads and 1 KV head of 64, intermediate 264, vocabulary 32, its
 * own head, FP8 128x128 with BF16 scales, in 2 files with an index: no grid is square.
 */
void image_tiny_qwen3(struct checkpoint_image *image);

/* The header entry, and the bytes, of a tensor; NULL where no file has it. */
struct json *image_entry(struct checkpoint_image *image, const char *name);
unsigned char *image_bytes(struct checkpoint_image *image, const char *name, size_t *size);

/* Files, index and config.json into a folder that exists. */
void image_write(struct checkpoint_image *image, const char *directory);

/* A new folder under $TMPDIR or /tmp. */
void temporary_directory(char out[IMAGE_PATH]);
void remove_tree(const char *directory);

void write_file(const char *directory, const char *name, const void *bytes, size_t size);
/* The whole file, malloc'ed; *size may be NULL. */
char *read_file(const char *directory, const char *name, size_t *size);
bool path_exists(const char *directory, const char *name);

/* test_seed(), asked and printed once a program. */
uint64_t image_seed(void);

#endif
