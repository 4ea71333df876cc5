// SPDX-License-Identifier: GPL-2.0
/*
 * What Rust cannot call: inline functions and macros of the C headers.
 */
#include <linux/cc_platform.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm_runtime.h>
#include <linux/scatterlist.h>
#include <linux/seq_file.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/special_insns.h>

#include "helpers.h"

bool dlb_vma_shared(const struct vm_area_struct *vma)
{
	return vma->vm_flags & VM_MAYSHARE;
}

/*
 * A mapping that holds page frames, not pages, which neither grows nor is
 * inherited by a child. Device memory is mapped uncached: write-combining
 * would tear and reorder the commands written to it. Device memory is never
 * encrypted, and coherent memory is not in a guest whose memory is: both as
 * io_remap_pfn_range() and dma_mmap_coherent() do it.
 */
void dlb_vma_setup(struct vm_area_struct *vma, bool device, bool writable)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	vm_flags_clear(vma, VM_MAYEXEC | (writable ? 0 : VM_MAYWRITE));
	if (device)
		vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	if (device || cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT))
		vma->vm_page_prot = pgprot_decrypted(vma->vm_page_prot);
}

/*
 * Coherent memory is where the platform wants it. Only what is memory of this
 * machine, in whole pages, is fit to be shown to user space.
 */
int dlb_coherent_pfns(struct device *dev, void *cpu, dma_addr_t dma, size_t size,
		      unsigned long *pfns, size_t num)
{
	struct sg_page_iter iter;
	struct sg_table sgt;
	size_t n = 0;
	int ret;

	ret = dma_get_sgtable(dev, &sgt, cpu, dma, size);
	if (ret)
		return ret;
	if (!PAGE_ALIGNED(cpu) || sgt.sgl->offset)
		goto out;
	for_each_sgtable_page(&sgt, &iter, 0) {
		unsigned long pfn = page_to_pfn(sg_page_iter_page(&iter));

		if (n == num || !pfn_valid(pfn))
			break;
		pfns[n++] = pfn;
	}
out:
	sg_free_table(&sgt);
	return n == num ? 0 : -EIO;
}

/*
 * A producer port takes a 64-byte line as one store, or its four 16-byte
 * elements one after the other at its start. Stores of less than 16 bytes are
 * not defined. Elements that are all zero do nothing and need not be sent.
 *
 * MOVDIR64B is ordered against nothing, not even against accesses to uncached
 * memory. A count that is read afterwards must not be older than the line, or
 * what it counts is completed twice; only a full barrier keeps loads behind.
 */
void dlb_pp_line(void __iomem *to, const void *line)
{
	const u64 *hcw = line;
	int i;

	if (cpu_feature_enabled(X86_FEATURE_MOVDIR64B)) {
		/* What is sent is in memory first. */
		wmb();
		movdir64b((void __force *)to, line);
		/* No load that comes later in the program is done before. */
		mb();
		return;
	}

	kernel_fpu_begin();
	for (i = 0; i < 8; i += 2) {
		if (!hcw[i] && !hcw[i + 1])
			continue;
		/* kernel_fpu_begin() has made xmm0 ours; the compiler does not use it. */
		asm volatile("movdqu %1, %%xmm0\n\t"
			     "movntdq %%xmm0, %0\n\t"
			     "sfence"
			     : "=m" (*(char (__force *)[16])to)
			     : "m" (*(const char (*)[16])(hcw + i))
			     : "memory");
	}
	kernel_fpu_end();
}

bool dlb_queue_active(struct wait_queue_head *queue)
{
	/*
	 * May miss a sleeper that is just being added. The callers only use it
	 * to skip work that they come back to, never to leave out a wake-up.
	 */
	return waitqueue_active(queue);
}

void dlb_work_init(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}

void dlb_work_queue(struct delayed_work *work, unsigned long delay)
{
	queue_delayed_work(system_dfl_wq, work, delay);
}

/*
 * A device that once failed to wake up is not tried again by the PM core: not
 * when it is used, nor after a reset, nor when a driver is bound to it anew. It
 * has to be told that the device works. Without a failure this does nothing.
 */
void dlb_pm_recovered(struct device *dev)
{
	pm_runtime_set_active(dev);
}

/* The PCI core has taken a reference before probe, for drivers without runtime PM. */
void dlb_pm_start(struct device *dev, int delay_ms)
{
	pm_runtime_set_autosuspend_delay(dev, delay_ms);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_allow(dev);
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
}

void dlb_pm_stop(struct device *dev)
{
	pm_runtime_get_sync(dev);
	pm_runtime_forbid(dev);
	pm_runtime_dont_use_autosuspend(dev);
}

int dlb_pm_get(struct device *dev)
{
	return pm_runtime_resume_and_get(dev);
}

void dlb_pm_put(struct device *dev)
{
	pm_runtime_mark_last_busy(dev);
	pm_runtime_put_autosuspend(dev);
}

/*
 * Devices sleep and wake up side by side unless they are told not to, and the
 * parent of a virtual function is not the physical one.
 */
bool dlb_pm_follow(struct pci_dev *vf)
{
	struct pci_dev *pf = pci_physfn(vf);

	return pf != vf && device_link_add(&vf->dev, &pf->dev, DL_FLAG_STATELESS);
}

void dlb_pm_unfollow(struct pci_dev *vf)
{
	device_link_remove(&vf->dev, &pci_physfn(vf)->dev);
}

static int dlb_debugfs_show(struct seq_file *seq, void *data)
{
	const struct dlb_text *text = seq->private;

	return text->show(seq, text);
}

static int dlb_debugfs_open(struct inode *inode, struct file *file)
{
	return single_open(file, dlb_debugfs_show, inode->i_private);
}

/* The owner keeps the module in memory while a file is open. */
static const struct file_operations dlb_debugfs_fops = {
	.owner = THIS_MODULE,
	.open = dlb_debugfs_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

struct dentry *dlb_debugfs_dir(const char *name, struct dentry *parent)
{
	return debugfs_create_dir(name, parent);
}

void dlb_debugfs_file(const char *name, struct dentry *parent, struct dlb_text *text)
{
	debugfs_create_file(name, 0400, parent, text, &dlb_debugfs_fops);
}

void dlb_debugfs_remove(struct dentry *dir)
{
	debugfs_remove(dir);
}
