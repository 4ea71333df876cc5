/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What C offers to Rust: declared here for the compiler's sake, and by hand in
 * the module under glue/ that uses it.
 */
#ifndef DLB_HELPERS_H
#define DLB_HELPERS_H

#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;
struct device;
struct pci_dev;
struct seq_file;
struct vm_area_struct;
struct wait_queue_head;

bool dlb_vma_shared(const struct vm_area_struct *vma);
void dlb_vma_setup(struct vm_area_struct *vma, bool device, bool writable);
int dlb_coherent_pfns(struct device *dev, void *cpu, dma_addr_t dma, size_t size,
		      unsigned long *pfns, size_t num);
void dlb_pp_line(void __iomem *to, const void *line);

bool dlb_queue_active(struct wait_queue_head *queue);

void dlb_work_init(struct delayed_work *work, work_func_t func);
void dlb_work_queue(struct delayed_work *work, unsigned long delay);

void dlb_pm_start(struct device *dev, int delay_ms);
void dlb_pm_stop(struct device *dev);
void dlb_pm_recovered(struct device *dev);
int dlb_pm_get(struct device *dev);
void dlb_pm_put(struct device *dev);
bool dlb_pm_follow(struct pci_dev *vf);
void dlb_pm_unfollow(struct pci_dev *vf);

/* The beginning of what glue/debugfs.rs has for each file. */
struct dlb_text {
	int (*show)(struct seq_file *seq, const struct dlb_text *text);
};

struct dentry *dlb_debugfs_dir(const char *name, struct dentry *parent);
void dlb_debugfs_file(const char *name, struct dentry *parent, struct dlb_text *text);
void dlb_debugfs_remove(struct dentry *dir);

#endif
