/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include <arpa/inet.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BITS 24

bool connection_table_init(struct connection_table *table, size_t capacity)
{
    *table = (struct connection_table){.capacity = capacity};
    table->slots = calloc(capacity, sizeof *table->slots);
    table->free_slots = calloc(capacity, sizeof *table->free_slots);
    if (table->slots && table->free_slots)
        return true;
    connection_table_free(table);
    return false;
}

void connection_table_free(struct connection_table *table)
{
    free(table->free_slots);
    free(table->slots);
    *table = (struct connection_table){0};
}

static void write_peer(const struct sockaddr *peer, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "";
    out[0] = '\0';
    if (peer && peer->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, peer, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, text, sizeof text);
        snprintf(out, size, "%s:%d", text, ntohs(in.sin_port));
    } else if (peer && peer->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, peer, sizeof in);
        if (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr)) {
            inet_ntop(AF_INET, in.sin6_addr.s6_addr + 12, text, sizeof text);
            snprintf(out, size, "%s:%d", text, ntohs(in.sin6_port));
        } else {
            inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof text);
            snprintf(out, size, "[%s]:%d", text, ntohs(in.sin6_port));
        }
    }
}

struct connection *connection_add(struct connection_table *table, int fd,
                                  const struct sockaddr *peer, uint64_t now_ns)
{
    size_t slot;
    if (table->free_count > 0)
        slot = table->free_slots[--table->free_count];
    else if (table->high < table->capacity)
        slot = table->high++;
    else
        return NULL;
    struct connection *connection = &table->slots[slot];
    uint64_t uses = (connection->id >> SLOT_BITS) + 1;
    *connection = (struct connection){.used = true, .id = uses << SLOT_BITS | slot, .fd = fd};
    connection->is_tcp = peer && (peer->sa_family == AF_INET || peer->sa_family == AF_INET6);
    write_peer(peer, connection->peer, sizeof connection->peer);
    connection->stage_ns = now_ns;
    table->count++;
    return connection;
}

void connection_remove(struct connection_table *table, struct connection *connection)
{
    connection->used = false;
    connection->exchange = NULL;
    table->free_slots[table->free_count++] = (size_t)(connection - table->slots);
    table->count--;
}

struct connection *connection_find(struct connection_table *table, uint64_t id)
{
    size_t slot = (size_t)(id & ((UINT64_C(1) << SLOT_BITS) - 1));
    if (slot >= table->high)
        return NULL;
    struct connection *connection = &table->slots[slot];
    return connection->used && connection->id == id ? connection : NULL;
}

uint64_t connection_bytes(const struct connection *connection)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (!connection->is_tcp || getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
        return 0;
    return info.tcpi_bytes_received;
}

void connection_set_stage(struct connection *connection, enum connection_stage stage,
                          uint64_t now_ns)
{
    connection->stage = stage;
    if (stage == CONNECTION_HEADERS && connection->first_byte_ns == 0)
        connection->first_byte_ns = now_ns;
    if (stage == CONNECTION_IDLE) {
        connection->exchange = NULL;
        connection->first_byte_ns = 0;
        connection->idle_bytes = connection_bytes(connection);
    }
    connection->stage_ns = now_ns;
}
