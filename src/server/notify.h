/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd wants to hear of a service; nothing happens where none listens. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_stopping(void);
void notify_watchdog(void);
/* Nanoseconds within which notify_watchdog() is expected each time; 0: not at all. */
uint64_t notify_watchdog_interval_ns(void);

#endif
