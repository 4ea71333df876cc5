/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Intel Dynamic Load Balancer 2.0 and 2.5: the PCI side.
 *
 * What the device does is the business of the DLB model, a library. This file
 * is what makes the model a PCI function: configuration space, BARs, DMA,
 * MSI-X and MSI, resets, power states, virtual functions and time. It knows
 * nothing of queues and scheduling.
 *
 * The model is entered by register accesses, timers, resets and the monitor,
 * all under the big lock, and its effects are DMA and interrupt messages. A
 * guest is free to aim those at registers of this very device, or through the
 * configuration space at its reset or its removal. The model must not be
 * entered twice, nor be freed or reset while it runs: dlb_enter() refuses the
 * first, dlb_leave() does the rest late. Nor does one device's model serve what
 * another's does: see dlb_enter_access().
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/range.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/pci/pcie_sriov.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qom/object.h"

#include "dlb_model.h"

#define TYPE_DLB "dlb"
OBJECT_DECLARE_SIMPLE_TYPE(DlbState, DLB)

#define TYPE_DLB_VF "dlb-vf"
OBJECT_DECLARE_SIMPLE_TYPE(DlbVfState, DLB_VF)

#define DLB_DEV_ID_V2_0     0x2710
#define DLB_DEV_ID_V2_5     0x2714
#define DLB_CLASS           0x0b40      /* processor, co-processor */

#define DLB_BAR_FUNC        DLB_MODEL_BAR_FUNC
#define DLB_BAR_CSR         DLB_MODEL_BAR_CSR
#define DLB_BAR_TYPE        (PCI_BASE_ADDRESS_SPACE_MEMORY | \
                             PCI_BASE_ADDRESS_MEM_TYPE_64 | \
                             PCI_BASE_ADDRESS_MEM_PREFETCH)

/* The producer pages: the upper half of the function BAR. */
#define DLB_PP_BASE         0x2000000
#define DLB_PP_SIZE         (DLB_MODEL_FUNC_BAR_SIZE - DLB_PP_BASE)

/* Software that does not walk the lists expects these. */
#define DLB_CAP_MSIX        0x60
#define DLB_CAP_EXP         0x6c
#define DLB_CAP_PM          0xb0
#define DLB_CAP_VF_MSI      0xb0
#define DLB_ECAP_AER        0x100
#define DLB_ECAP_PASID      0x148
/* These may be anywhere. */
#define DLB_ECAP_ARI        0x150
#define DLB_ECAP_ACS        0x158
#define DLB_ECAP_ATS        0x160
#define DLB_ECAP_PRI        0x168
#define DLB_ECAP_SRIOV      0x180

#define DLB_VF_ECAP_ARI     0x148
#define DLB_VF_ECAP_ATS     0x150

#define DLB_PASID_WIDTH     20
#define DLB_PRI_CAPACITY    512
#define DLB_PRI_SIZEOF      16

/* What dlb_leave() has to do, because the model was running. */
#define DLB_LATE_POWER_ON   (1u << 16)  /* bits 0..15: FLR of that VF */
#define DLB_LATE_FLR        (1u << 17)
#define DLB_LATE_STATE      (1u << 18)  /* power state and MSI may differ */

struct DlbState {
    PCIDevice parent_obj;

    MemoryRegion func;
    MemoryRegion pp;
    MemoryRegion csr;
    QEMUTimer *timer;
    struct dlb_model *model;

    uint32_t late;
    bool busy;
    bool timed;
    bool gone;
    bool d3hot;
    bool told;
    bool told_pasid;
    uint8_t msi[DLB_MODEL_NUM_VFS];

    char *version;
    char *faults;
    uint64_t seed;
    uint8_t vfs;
    bool verbose;
};

struct DlbVfState {
    PCIDevice parent_obj;

    MemoryRegion func;
    MemoryRegion pp;
};

static PCIDevice *dlb_function(DlbState *s, int requester)
{
    /* Its own DMA can remove the device: no configuration space, no VFs. */
    if (s->gone) {
        return NULL;
    }
    if (requester == DLB_MODEL_PF) {
        return PCI_DEVICE(s);
    }
    return pcie_sriov_get_vf_at_index(PCI_DEVICE(s), requester);
}

/*
 * Effects of the model
 */

static bool dlb_dma_write(void *opaque, int requester, uint32_t pasid,
                          uint64_t addr, const void *data, size_t len)
{
    PCIDevice *dev = dlb_function(opaque, requester);
    MemTxResult res = MEMTX_OK;

    if (!dev) {
        return false;
    }
    if (pasid != DLB_MODEL_NO_PASID) {
        DlbState *s = opaque;

        if (!s->told_pasid) {
            s->told_pasid = true;
            qemu_log_mask(LOG_UNIMP, "%s: DMA with a PASID\n", dev->name);
        }
        return false;
    }

    /*
     * The guest looks for the generation bit in the last eight bytes of an
     * entry and then reads the first: they must be there already.
     */
    while (len && res == MEMTX_OK) {
        size_t piece = MIN(len, 8);

        res = pci_dma_write(dev, addr, data, piece);
        smp_wmb();
        addr += piece;
        data += piece;
        len -= piece;
    }
    return res == MEMTX_OK;
}

static void dlb_msix(void *opaque, unsigned vector)
{
    PCIDevice *dev = dlb_function(opaque, DLB_MODEL_PF);

    if (dev && msix_enabled(dev) && vector < DLB_MODEL_MSIX_VECTORS) {
        msix_notify(dev, vector);
    }
}

static void dlb_msi(void *opaque, unsigned vf, unsigned message)
{
    PCIDevice *dev = dlb_function(opaque, vf);

    if (dev && msi_enabled(dev) && message < msi_nr_vectors_allocated(dev)) {
        msi_notify(dev, message);
    }
}

static void dlb_log(void *opaque, int level, const char *msg)
{
    DlbState *s = opaque;

    if (s->verbose) {
        info_report("%s: %s", PCI_DEVICE(s)->name, msg);
    } else if (level <= DLB_MODEL_WARN) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: %s\n", PCI_DEVICE(s)->name, msg);
    }
}

static const struct dlb_model_ops dlb_model_ops = {
    .dma_write = dlb_dma_write,
    .msix = dlb_msix,
    .msi = dlb_msi,
    .log = dlb_log,
};

static struct dlb_model *dlb_new_model(DlbState *s)
{
    struct dlb_model_config config = {
        .version = strcmp(s->version, "2.5") ? DLB_MODEL_V2_0 : DLB_MODEL_V2_5,
        .seed = s->seed,
        .faults = s->faults,
    };

    return dlb_model_new(&config, &dlb_model_ops, s);
}

/*
 * Entering and leaving the model
 */

/* Models that run, under the big lock. */
static unsigned dlb_running;

static bool dlb_enter(DlbState *s)
{
    if (!s->model || s->busy) {
        return false;
    }
    s->busy = true;
    dlb_running++;
    object_ref(OBJECT(s));
    return true;
}

/*
 * What a model does can be an access to its own device, or to another one. One
 * write makes dozens of messages, each of which can be such a write to the next
 * device: five devices take seconds, and seven take an hour, under the big lock.
 * There is no use for it, so what comes from a model is refused.
 */
static bool dlb_enter_access(DlbState *s)
{
    if (dlb_running) {
        if (!s->told) {
            s->told = true;
            qemu_log_mask(LOG_GUEST_ERROR,
                          "%s: is what a DLB aims its DMA or interrupts at\n",
                          PCI_DEVICE(s)->name);
        }
        return false;
    }
    return dlb_enter(s);
}

/* The model does not ask for the time: it hears it when that matters. */
static void dlb_tell_time(DlbState *s)
{
    dlb_model_tick(s->model, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
}

/* Power state and MSI: what the model knows follows configuration space. */
static void dlb_sync_state(DlbState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint16_t pmcsr = pci_get_word(dev->config + DLB_CAP_PM + PCI_PM_CTRL);
    bool d3hot = (pmcsr & PCI_PM_CTRL_STATE_MASK) == 3;

    if (s->d3hot != d3hot) {
        s->d3hot = d3hot;
        dlb_model_set_power(s->model, d3hot);
    }
    for (int i = 0; i < s->vfs; i++) {
        PCIDevice *vf = pcie_sriov_get_vf_at_index(dev, i);
        uint8_t n = vf && msi_enabled(vf) ? msi_nr_vectors_allocated(vf) : 0;

        if (s->msi[i] != n) {
            s->msi[i] = n;
            dlb_model_set_vf_msi(s->model, i, n);
        }
    }
}

static void dlb_leave(DlbState *s)
{
    uint64_t when;

    while (s->late && !s->gone) {
        uint32_t late = s->late;

        s->late = 0;
        if (late & DLB_LATE_POWER_ON) {
            struct dlb_model *fresh = dlb_new_model(s);

            if (fresh) {
                dlb_model_free(s->model);
                s->model = fresh;
                s->d3hot = false;
                memset(s->msi, 0, sizeof(s->msi));
            }
        } else if (late & DLB_LATE_FLR) {
            dlb_model_flr(s->model, DLB_MODEL_PF);
        }
        for (int i = 0; i < DLB_MODEL_NUM_VFS; i++) {
            if (late & (1u << i)) {
                dlb_model_flr(s->model, i);
            }
        }
        /* The alarm of a VF's reset is a message, which may remove the PF. */
        if (!s->gone) {
            dlb_sync_state(s);
        }
    }

    if (s->gone) {
        dlb_model_free(s->model);
        s->model = NULL;
    } else if (dlb_model_deadline(s->model, &when)) {
        timer_mod_ns(s->timer, MIN(when, INT64_MAX));
        s->timed = true;
    } else if (s->timed) {
        timer_del(s->timer);
        s->timed = false;
    }
    s->busy = false;
    dlb_running--;
    object_unref(OBJECT(s));
}

static void dlb_later(DlbState *s, uint32_t what)
{
    s->late |= what;
    if (!s->busy && dlb_enter(s)) {
        dlb_leave(s);
    }
}

static void dlb_timer(void *opaque)
{
    DlbState *s = opaque;

    if (dlb_enter(s)) {
        dlb_tell_time(s);
        dlb_leave(s);
    }
}

/*
 * BARs
 */

static uint64_t dlb_read(DlbState *s, int requester, int bar, hwaddr off,
                         unsigned size)
{
    uint64_t val;

    if (!dlb_enter_access(s)) {
        return MAKE_64BIT_MASK(0, size * 8);
    }
    dlb_tell_time(s);
    val = dlb_model_read(s->model, requester, bar, off, size);
    dlb_leave(s);
    return val;
}

static void dlb_write(DlbState *s, int requester, int bar, hwaddr off,
                      uint64_t val, unsigned size)
{
    if (!dlb_enter_access(s)) {
        return;
    }
    /* Producer pages are the fast path, and most often nothing is timed. */
    if (s->timed || bar == DLB_BAR_CSR) {
        dlb_tell_time(s);
    }
    dlb_model_write(s->model, requester, bar, off, size, val);
    dlb_leave(s);
}

static uint64_t dlb_csr_read(void *opaque, hwaddr off, unsigned size)
{
    return dlb_read(opaque, DLB_MODEL_PF, DLB_BAR_CSR, off, size);
}

static void dlb_csr_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    dlb_write(opaque, DLB_MODEL_PF, DLB_BAR_CSR, off, val, size);
}

static uint64_t dlb_func_read(void *opaque, hwaddr off, unsigned size)
{
    return dlb_read(opaque, DLB_MODEL_PF, DLB_BAR_FUNC, off, size);
}

static void dlb_func_write(void *opaque, hwaddr off, uint64_t val,
                           unsigned size)
{
    dlb_write(opaque, DLB_MODEL_PF, DLB_BAR_FUNC, off, val, size);
}

static uint64_t dlb_pp_read(void *opaque, hwaddr off, unsigned size)
{
    return dlb_func_read(opaque, DLB_PP_BASE + off, size);
}

static void dlb_pp_write(void *opaque, hwaddr off, uint64_t val, unsigned size)
{
    dlb_func_write(opaque, DLB_PP_BASE + off, val, size);
}

static uint64_t dlb_vf_func_read(void *opaque, hwaddr off, unsigned size)
{
    PCIDevice *vf = PCI_DEVICE(opaque);

    return dlb_read(DLB(pcie_sriov_get_pf(vf)), pcie_sriov_vf_number(vf),
                    DLB_BAR_FUNC, off, size);
}

static void dlb_vf_func_write(void *opaque, hwaddr off, uint64_t val,
                              unsigned size)
{
    PCIDevice *vf = PCI_DEVICE(opaque);

    dlb_write(DLB(pcie_sriov_get_pf(vf)), pcie_sriov_vf_number(vf),
              DLB_BAR_FUNC, off, val, size);
}

static uint64_t dlb_vf_pp_read(void *opaque, hwaddr off, unsigned size)
{
    return dlb_vf_func_read(opaque, DLB_PP_BASE + off, size);
}

static void dlb_vf_pp_write(void *opaque, hwaddr off, uint64_t val,
                            unsigned size)
{
    dlb_vf_func_write(opaque, DLB_PP_BASE + off, val, size);
}

/* Registers are 32 bits wide; a wider access is several of them. */
#define DLB_REGISTER_OPS(_read, _write)                     \
    {                                                       \
        .read = _read,                                      \
        .write = _write,                                    \
        .endianness = DEVICE_LITTLE_ENDIAN,                 \
        .valid = { .min_access_size = 1, .max_access_size = 8 }, \
        .impl = { .min_access_size = 1, .max_access_size = 4 }, \
    }

/* A line of 16 or 64 bytes arrives in pieces of eight, the widest there are. */
#define DLB_PP_OPS(_read, _write)                           \
    {                                                       \
        .read = _read,                                      \
        .write = _write,                                    \
        .endianness = DEVICE_LITTLE_ENDIAN,                 \
        .valid = { .min_access_size = 1, .max_access_size = 8 }, \
        .impl = { .min_access_size = 1, .max_access_size = 8 }, \
    }

static const MemoryRegionOps dlb_csr_ops =
    DLB_REGISTER_OPS(dlb_csr_read, dlb_csr_write);
static const MemoryRegionOps dlb_func_ops =
    DLB_REGISTER_OPS(dlb_func_read, dlb_func_write);
static const MemoryRegionOps dlb_pp_ops =
    DLB_PP_OPS(dlb_pp_read, dlb_pp_write);
static const MemoryRegionOps dlb_vf_func_ops =
    DLB_REGISTER_OPS(dlb_vf_func_read, dlb_vf_func_write);
static const MemoryRegionOps dlb_vf_pp_ops =
    DLB_PP_OPS(dlb_vf_pp_read, dlb_vf_pp_write);

/*
 * Configuration space
 */

static bool dlb_in_flr(PCIDevice *dev)
{
    return pci_get_word(dev->config + dev->exp.exp_cap + PCI_EXP_DEVCTL) &
           PCI_EXP_DEVCTL_BCR_FLR;
}

static void dlb_reset_ecaps(PCIDevice *dev)
{
    pci_set_word(dev->config + DLB_ECAP_PASID + PCI_PASID_CTRL, 0);
    pci_set_word(dev->config + DLB_ECAP_ATS + PCI_ATS_CTRL, 0);
    pci_set_word(dev->config + DLB_ECAP_PRI + PCI_PRI_CTRL, 0);
    pci_set_word(dev->config + DLB_ECAP_PRI + PCI_PRI_STATUS,
                 PCI_PRI_STATUS_STOPPED);
    pci_set_long(dev->config + DLB_ECAP_PRI + PCI_PRI_ALLOC_REQ, 0);
}

static void dlb_reset_hold(Object *obj, ResetType type)
{
    DlbState *s = DLB(obj);
    PCIDevice *dev = PCI_DEVICE(obj);

    dlb_reset_ecaps(dev);
    /* PCI puts the power state back to D0 after this, and drops the VFs. */
    pci_set_word(dev->config + DLB_CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    dlb_later(s, dlb_in_flr(dev) ? DLB_LATE_FLR : DLB_LATE_POWER_ON);
}

/*
 * VF MSE in the SR-IOV capability of the PF maps the BARs of all VFs; the
 * memory space bit of a VF is zero and cannot be written. The PCI core of QEMU
 * knows nothing but that bit, so it is kept here as VF MSE says, out of reach
 * of the guest's writes and of resets, and hidden from its reads. So nothing
 * that happens to a VF changes what is mapped.
 */
static void dlb_map_vfs(DlbState *s)
{
    PCIDevice *dev = PCI_DEVICE(s);
    bool mse = dev->exp.sriov_cap &&
               pci_get_word(dev->config + dev->exp.sriov_cap +
                            PCI_SRIOV_CTRL) & PCI_SRIOV_CTRL_MSE;

    for (int i = 0; i < pcie_sriov_num_vfs(dev); i++) {
        PCIDevice *vf = pcie_sriov_get_vf_at_index(dev, i);
        uint16_t cmd = pci_get_word(vf->config + PCI_COMMAND);

        cmd = mse ? cmd | PCI_COMMAND_MEMORY : cmd & ~PCI_COMMAND_MEMORY;
        pci_set_word(vf->config + PCI_COMMAND, cmd);
        /* Maps anew if that bit or the address in the capability differs. */
        pci_default_write_config(vf, PCI_COMMAND, cmd, sizeof(cmd));
    }
}

static void dlb_write_config(PCIDevice *dev, uint32_t addr, uint32_t val,
                             int len)
{
    pci_default_write_config(dev, addr, val, len);
    if (ranges_overlap(addr, len, DLB_ECAP_SRIOV, PCI_EXT_CAP_SRIOV_SIZEOF)) {
        dlb_map_vfs(DLB(dev));
    }
    pcie_aer_write_config(dev, addr, val, len);
    pcie_cap_flr_write_config(dev, addr, val, len);
    dlb_later(DLB(dev), DLB_LATE_STATE);
}

static void dlb_vf_reset_hold(Object *obj, ResetType type)
{
    PCIDevice *vf = PCI_DEVICE(obj);

    pci_set_word(vf->config + DLB_VF_ECAP_ATS + PCI_ATS_CTRL, 0);
    if (!vf->enabled) {
        pci_word_test_and_clear_mask(vf->config + PCI_COMMAND,
                                     PCI_COMMAND_MEMORY);
    }
    /*
     * Anything else that resets a VF has reset the PF, or takes the VF away.
     * The model sends an alarm, a message which may take the VF away, too. So
     * dlb_vf_write_config() enters it, when PCI is done with the reset.
     */
    if (dlb_in_flr(vf)) {
        DLB(pcie_sriov_get_pf(vf))->late |= 1u << pcie_sriov_vf_number(vf);
    }
}

static uint32_t dlb_vf_read_config(PCIDevice *vf, uint32_t addr, int len)
{
    uint32_t val = pci_default_read_config(vf, addr, len);

    if (range_covers_byte(addr, len, PCI_COMMAND)) {
        val &= ~((uint32_t)PCI_COMMAND_MEMORY << 8 * (PCI_COMMAND - addr));
    }
    return val;
}

static void dlb_vf_write_config(PCIDevice *vf, uint32_t addr, uint32_t val,
                                int len)
{
    pci_default_write_config(vf, addr, val, len);
    pcie_cap_flr_write_config(vf, addr, val, len);
    dlb_later(DLB(pcie_sriov_get_pf(vf)), DLB_LATE_STATE);
}

static void dlb_set_ids(PCIDevice *dev)
{
    pci_config_set_revision(dev->config, 0);
    pci_set_word(dev->config + PCI_SUBSYSTEM_VENDOR_ID, PCI_VENDOR_ID_INTEL);
    pci_set_word(dev->config + PCI_SUBSYSTEM_ID, 0);
}

/*
 * Routing IDs of the VFs. Behind a port they follow the PF, as on the
 * hardware. On a root bus other devices live there: take two free slots, from
 * the top, where the machine puts nothing.
 */
static int dlb_vf_offset(PCIDevice *dev)
{
    PCIBus *bus = pci_get_bus(dev);

    if (!pci_bus_is_root(bus)) {
        return 1;
    }
    for (int slot = PCI_SLOT_MAX - 4; slot > PCI_SLOT(dev->devfn); slot -= 2) {
        int first = PCI_DEVFN(slot, 0);
        int i = 0;

        while (i < DLB_MODEL_NUM_VFS && !bus->devices[first + i] &&
               !(bus->slot_reserved_mask & (1u << PCI_SLOT(first + i)))) {
            i++;
        }
        if (i == DLB_MODEL_NUM_VFS) {
            return first - dev->devfn;
        }
    }
    return -1;
}

static bool dlb_init_sriov(DlbState *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    int offset;

    if (!s->vfs) {
        return true;
    }
    offset = dlb_vf_offset(dev);
    if (offset < 0) {
        error_setg(errp, "no two free slots on this bus for the VFs: "
                   "use a pcie-root-port, or vfs=0");
        return false;
    }
    /* A VF has the ID that follows its PF's. */
    if (!pcie_sriov_pf_init(dev, DLB_ECAP_SRIOV, TYPE_DLB_VF,
                            pci_get_word(dev->config + PCI_DEVICE_ID) + 1,
                            s->vfs, s->vfs, offset, 1, errp)) {
        /* Its VFs are gone again: nothing is left for dlb_exit(). */
        dev->exp.sriov_cap = 0;
        return false;
    }
    pcie_sriov_pf_init_vf_bar(dev, DLB_BAR_FUNC, DLB_BAR_TYPE,
                              DLB_MODEL_FUNC_BAR_SIZE);
    /* Endpoints have this one only if they have several functions. */
    pcie_acs_init(dev, DLB_ECAP_ACS);
    return true;
}

static bool dlb_init_caps(DlbState *s, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    uint8_t *pasid = dev->config + DLB_ECAP_PASID;
    uint8_t *pri = dev->config + DLB_ECAP_PRI;

    if (msix_init(dev, DLB_MODEL_MSIX_VECTORS,
                  &s->func, DLB_BAR_FUNC, DLB_MODEL_MSIX_TABLE,
                  &s->func, DLB_BAR_FUNC, DLB_MODEL_MSIX_PBA,
                  DLB_CAP_MSIX, errp) < 0) {
        return false;
    }
    for (int i = 0; i < DLB_MODEL_MSIX_VECTORS; i++) {
        msix_vector_use(dev, i);
    }

    if (pcie_endpoint_cap_init(dev, DLB_CAP_EXP) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return false;
    }
    pcie_cap_flr_init(dev);
    pcie_cap_deverr_init(dev);

    if (pci_pm_init(dev, DLB_CAP_PM, errp) < 0) {
        return false;
    }
    pci_set_word(dev->config + DLB_CAP_PM + PCI_PM_PMC, 3);
    pci_set_word(dev->config + DLB_CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(dev->wmask + DLB_CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK);

    if (pcie_aer_init(dev, PCI_ERR_VER, DLB_ECAP_AER, PCI_ERR_SIZEOF,
                      errp) < 0) {
        return false;
    }

    pcie_add_capability(dev, PCI_EXT_CAP_ID_PASID, 1, DLB_ECAP_PASID,
                        PCI_EXT_CAP_PASID_SIZEOF);
    pci_set_word(pasid + PCI_PASID_CAP, DLB_PASID_WIDTH << 8);
    pci_set_word(dev->wmask + DLB_ECAP_PASID + PCI_PASID_CTRL,
                 PCI_PASID_CTRL_ENABLE);

    pcie_ari_init(dev, DLB_ECAP_ARI);
    pcie_ats_init(dev, DLB_ECAP_ATS, true);

    pcie_add_capability(dev, PCI_EXT_CAP_ID_PRI, 1, DLB_ECAP_PRI,
                        DLB_PRI_SIZEOF);
    pci_set_long(pri + PCI_PRI_MAX_REQ, DLB_PRI_CAPACITY);
    pci_set_word(dev->wmask + DLB_ECAP_PRI + PCI_PRI_CTRL,
                 PCI_PRI_CTRL_ENABLE);
    pci_set_long(dev->wmask + DLB_ECAP_PRI + PCI_PRI_ALLOC_REQ, UINT32_MAX);
    dlb_reset_ecaps(dev);

    return dlb_init_sriov(s, errp);
}

static void dlb_exit(PCIDevice *dev)
{
    DlbState *s = DLB(dev);

    pcie_sriov_pf_exit(dev);
    if (dev->exp.aer_cap) {
        pcie_aer_exit(dev);
    }
    if (dev->exp.exp_cap) {
        pcie_cap_exit(dev);
    }
    if (msix_present(dev)) {
        msix_unuse_all_vectors(dev);
        msix_uninit(dev, &s->func, &s->func);
    }
    timer_free(s->timer);
    s->timer = NULL;
    s->timed = false;
    s->gone = true;
    if (!s->busy) {
        dlb_model_free(s->model);
        s->model = NULL;
    }
}

static void dlb_realize(PCIDevice *dev, Error **errp)
{
    ERRP_GUARD();
    DlbState *s = DLB(dev);
    bool v25;

    if (!s->version) {
        s->version = g_strdup("2.0");
    }
    v25 = !strcmp(s->version, "2.5");
    if (!v25 && strcmp(s->version, "2.0")) {
        error_setg(errp, "version is \"2.0\" or \"2.5\", not \"%s\"",
                   s->version);
        return;
    }
    if (s->vfs > DLB_MODEL_NUM_VFS) {
        error_setg(errp, "vfs is at most %d", DLB_MODEL_NUM_VFS);
        return;
    }
    s->model = dlb_new_model(s);
    if (!s->model) {
        error_setg(errp, "the model refuses inject=\"%s\"",
                   s->faults ? s->faults : "");
        return;
    }
    s->gone = false;
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, dlb_timer, s);

    pci_config_set_device_id(dev->config,
                             v25 ? DLB_DEV_ID_V2_5 : DLB_DEV_ID_V2_0);
    dlb_set_ids(dev);

    memory_region_init_io(&s->func, OBJECT(s), &dlb_func_ops, s, "dlb-func",
                          DLB_MODEL_FUNC_BAR_SIZE);
    memory_region_init_io(&s->pp, OBJECT(s), &dlb_pp_ops, s, "dlb-pp",
                          DLB_PP_SIZE);
    memory_region_add_subregion(&s->func, DLB_PP_BASE, &s->pp);
    memory_region_init_io(&s->csr, OBJECT(s), &dlb_csr_ops, s, "dlb-csr",
                          DLB_MODEL_CSR_BAR_SIZE);
    pci_register_bar(dev, DLB_BAR_FUNC, DLB_BAR_TYPE, &s->func);
    pci_register_bar(dev, DLB_BAR_CSR, DLB_BAR_TYPE, &s->csr);

    if (!dlb_init_caps(s, errp)) {
        dlb_exit(dev);
    }
}

static void dlb_vf_realize(PCIDevice *vf, Error **errp)
{
    DlbVfState *s = DLB_VF(vf);

    dlb_set_ids(vf);
    pci_word_test_and_clear_mask(vf->wmask + PCI_COMMAND,
                                 PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    memory_region_init_io(&s->func, OBJECT(s), &dlb_vf_func_ops, s,
                          "dlb-vf-func", DLB_MODEL_FUNC_BAR_SIZE);
    memory_region_init_io(&s->pp, OBJECT(s), &dlb_vf_pp_ops, s, "dlb-vf-pp",
                          DLB_PP_SIZE);
    memory_region_add_subregion(&s->func, DLB_PP_BASE, &s->pp);
    pci_register_bar(vf, DLB_BAR_FUNC, DLB_BAR_TYPE, &s->func);

    if (pcie_endpoint_cap_init(vf, DLB_CAP_EXP) < 0) {
        error_setg(errp, "no room for the PCI Express capability");
        return;
    }
    pcie_cap_flr_init(vf);
    if (msi_init(vf, DLB_CAP_VF_MSI, DLB_MODEL_MSI_MESSAGES, true, true,
                 errp) < 0) {
        goto err_exp;
    }
    if (pcie_aer_init(vf, PCI_ERR_VER, DLB_ECAP_AER, PCI_ERR_SIZEOF,
                      errp) < 0) {
        goto err_msi;
    }
    pcie_ari_init(vf, DLB_VF_ECAP_ARI);
    pcie_ats_init(vf, DLB_VF_ECAP_ATS, true);
    return;

err_msi:
    msi_uninit(vf);
err_exp:
    pcie_cap_exit(vf);
}

static void dlb_vf_exit(PCIDevice *vf)
{
    pcie_aer_exit(vf);
    msi_uninit(vf);
    pcie_cap_exit(vf);
}

/*
 * Properties that can be read and written while the machine runs
 */

static char *dlb_get_text(DlbState *s, char *(*get)(const struct dlb_model *))
{
    char *text, *copy;

    if (!s->model) {
        return g_strdup("");
    }
    text = get(s->model);
    copy = g_strdup(text);
    dlb_model_string_free(text);
    return copy;
}

static char *dlb_get_stats(Object *obj, Error **errp)
{
    return dlb_get_text(DLB(obj), dlb_model_stats);
}

static char *dlb_get_snapshot(Object *obj, Error **errp)
{
    return dlb_get_text(DLB(obj), dlb_model_snapshot);
}

static void dlb_set_inject(Object *obj, const char *value, Error **errp)
{
    DlbState *s = DLB(obj);
    char *reason = NULL;

    /* On the command line: there is no model yet, and there may be several. */
    if (!s->model) {
        char *all = s->faults ? g_strdup_printf("%s;%s", s->faults, value) :
                                g_strdup(value);

        g_free(s->faults);
        s->faults = all;
        return;
    }
    if (!dlb_enter(s)) {
        error_setg(errp, "the device is busy");
        return;
    }
    dlb_tell_time(s);
    if (!dlb_model_inject(s->model, value, &reason)) {
        error_setg(errp, "%s", reason ? reason : "not understood");
        dlb_model_string_free(reason);
    }
    dlb_leave(s);
}

static const Property dlb_properties[] = {
    DEFINE_PROP_STRING("version", DlbState, version),
    DEFINE_PROP_UINT64("seed", DlbState, seed, 1),
    DEFINE_PROP_UINT8("vfs", DlbState, vfs, DLB_MODEL_NUM_VFS),
    DEFINE_PROP_BOOL("verbose", DlbState, verbose, false),
};

/* What the model holds is not saved. */
static const VMStateDescription dlb_vmstate = {
    .name = TYPE_DLB,
    .unmigratable = 1,
};

static const VMStateDescription dlb_vf_vmstate = {
    .name = TYPE_DLB_VF,
    .unmigratable = 1,
};

static void dlb_finalize(Object *obj)
{
    g_free(DLB(obj)->faults);
}

static void dlb_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(class);
    ResettableClass *rc = RESETTABLE_CLASS(class);

    pc->realize = dlb_realize;
    pc->exit = dlb_exit;
    pc->config_write = dlb_write_config;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->device_id = DLB_DEV_ID_V2_0;
    pc->class_id = DLB_CLASS;
    rc->phases.hold = dlb_reset_hold;
    dc->desc = "Intel Dynamic Load Balancer 2.0 / 2.5";
    dc->vmsd = &dlb_vmstate;
    device_class_set_props(dc, dlb_properties);
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);

    object_class_property_add_str(class, "stats", dlb_get_stats, NULL);
    object_class_property_set_description(class, "stats",
        "Counters of the model, as JSON");
    object_class_property_add_str(class, "snapshot", dlb_get_snapshot, NULL);
    object_class_property_set_description(class, "snapshot",
        "State of the model, as text");
    object_class_property_add_str(class, "inject", NULL, dlb_set_inject);
    object_class_property_set_description(class, "inject",
        "Faults to inject; \"help\" fails with a list");
}

static void dlb_vf_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(class);
    ResettableClass *rc = RESETTABLE_CLASS(class);

    pc->realize = dlb_vf_realize;
    pc->exit = dlb_vf_exit;
    pc->config_read = dlb_vf_read_config;
    pc->config_write = dlb_vf_write_config;
    pc->vendor_id = PCI_VENDOR_ID_INTEL;
    pc->class_id = DLB_CLASS;
    rc->phases.hold = dlb_vf_reset_hold;
    dc->desc = "Intel Dynamic Load Balancer virtual function";
    dc->vmsd = &dlb_vf_vmstate;
    dc->user_creatable = false;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo dlb_types[] = {
    {
        .name = TYPE_DLB,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(DlbState),
        .instance_finalize = dlb_finalize,
        .class_init = dlb_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
    {
        .name = TYPE_DLB_VF,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(DlbVfState),
        .class_init = dlb_vf_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(dlb_types)
