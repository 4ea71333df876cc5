/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * C interface of the DLB hardware model (tools/testing/dlb/model, libdlb_model.a).
 *
 * The model knows registers, queues and scheduling; its user knows PCI, memory and interrupts.
 * All calls on one model must be serialised by the caller (QEMU: the big lock). The functions in
 * struct dlb_model_ops are called from inside dlb_model_write(), _flr(), _tick() and _inject(),
 * on the same thread, and must not call back into the same model.
 */
#ifndef DLB_MODEL_H
#define DLB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Requester: the PF, or VF n as n (0..15). */
#define DLB_MODEL_PF (-1)
#define DLB_MODEL_NUM_VFS 16

/* BARs. A VF has DLB_MODEL_BAR_FUNC only. */
#define DLB_MODEL_BAR_FUNC 0
#define DLB_MODEL_BAR_CSR 2

#define DLB_MODEL_FUNC_BAR_SIZE (UINT64_C(64) << 20)
#define DLB_MODEL_CSR_BAR_SIZE (UINT64_C(4) << 30)

/* Where PCI's own MSI-X structures lie in BAR 0 of the PF; accesses to them never reach the model. */
#define DLB_MODEL_MSIX_TABLE 0x1000000
#define DLB_MODEL_MSIX_PBA 0x1001000
#define DLB_MODEL_MSIX_VECTORS 65
#define DLB_MODEL_MSI_MESSAGES 32

/* "no PASID" in dma_write() */
#define DLB_MODEL_NO_PASID UINT32_MAX

enum dlb_model_version {
    DLB_MODEL_V2_0 = 0,
    DLB_MODEL_V2_5 = 1,
};

enum dlb_model_level {
    DLB_MODEL_ERROR = 0, /* the guest did something no driver should do */
    DLB_MODEL_WARN = 1,
    DLB_MODEL_INFO = 2,
};

struct dlb_model;

struct dlb_model_ops {
    /*
     * Write len (4 or 16) bytes to the requester's address space. The model expects that a later
     * write is not seen before an earlier one. False: the access faulted.
     */
    bool (*dma_write)(void *opaque, int requester, uint32_t pasid, uint64_t addr, const void *data,
                      size_t len);
    /* The PF signals an MSI-X vector. Table, mask and pending bits are the caller's. */
    void (*msix)(void *opaque, unsigned vector);
    /* VF vf signals an MSI message number (already reduced to the number of enabled messages). */
    void (*msi)(void *opaque, unsigned vf, unsigned message);
    /* msg is NUL-terminated and without a newline; the model limits the rate itself. */
    void (*log)(void *opaque, int level, const char *msg);
};

struct dlb_model_config {
    int version;          /* enum dlb_model_version */
    uint64_t seed;        /* of the arbiters' generator; equal seeds behave equally */
    const char *faults;   /* fault injections in force from the start, or NULL; see _inject() */
};

/* NULL if the configuration makes no sense. *ops is copied. */
struct dlb_model *dlb_model_new(const struct dlb_model_config *config,
                                const struct dlb_model_ops *ops, void *opaque);
void dlb_model_free(struct dlb_model *m);

/*
 * A register access of 1, 2, 4 or 8 bytes; off is relative to the BAR. Producer pages are part of
 * BAR_FUNC: a 16- or 64-byte store is handed over as 8-byte pieces in ascending order, each at
 * the offset it has.
 */
uint64_t dlb_model_read(struct dlb_model *m, int requester, int bar, uint64_t off, unsigned size);
void dlb_model_write(struct dlb_model *m, int requester, int bar, uint64_t off, unsigned size,
                     uint64_t val);

/* Function-level reset of the PF (and with it of every VF) or of one VF. */
void dlb_model_flr(struct dlb_model *m, int requester);

/* The PF enters (true) or leaves (false) D3hot. */
void dlb_model_set_power(struct dlb_model *m, bool d3hot);

/*
 * How many MSI messages VF vf has enabled (1, 2, 4 .. 32; 0: MSI is off). To be called whenever
 * the VF's MSI capability changes.
 */
void dlb_model_set_vf_msi(struct dlb_model *m, unsigned vf, unsigned messages);

/*
 * Time. dlb_model_tick() tells the model what time it is (nanoseconds, any origin, never going
 * back); dlb_model_deadline() returns true and the time by which the next tick is needed, or false
 * if nothing in the model waits for time. Ask again after every write, flr and tick. After a tick
 * the time is at least 50 us ahead; what is due before counts when the model is told the time.
 */
void dlb_model_tick(struct dlb_model *m, uint64_t now_ns);
bool dlb_model_deadline(const struct dlb_model *m, uint64_t *when_ns);

/* Counters as one JSON object; state as readable text. Free both with dlb_model_string_free(). */
char *dlb_model_stats(const struct dlb_model *m);
char *dlb_model_snapshot(const struct dlb_model *m);

/*
 * Fault injection: one or more commands separated by ';' or newlines (see the documentation of
 * the model, or inject "help"). On failure nothing is changed, false is returned and *error, if
 * error is not NULL, is a text to be freed with dlb_model_string_free().
 */
bool dlb_model_inject(struct dlb_model *m, const char *commands, char **error);

void dlb_model_string_free(char *s);

#ifdef __cplusplus
}
#endif

#endif /* DLB_MODEL_H */
