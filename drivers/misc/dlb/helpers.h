/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What C offers to Rust: declared here for the compiler's sake, and by hand in
 * the module under glue/ that uses it.
 */
#ifndef DLB_HELPERS_H
#define DLB_HELPERS_H

#include <linux/types.h>

struct device;
struct vm_area_struct;

void dlb_vma_setup(struct vm_area_struct *vma, bool device, bool writable);
int dlb_coherent_pfns(struct device *dev, void *cpu, dma_addr_t dma, size_t size,
		      unsigned long *pfns, size_t num);
void dlb_pp_line(void __iomem *to, const void *line);

#endif
