// SPDX-License-Identifier: GPL-2.0

//! CHP: credits, history lists and the CQ pipe.

use super::*;

register! {
    unit Chp in Csr;

    /// Directed credits a domain has left. On 2.5: `CHP_CFG_VAS_CRD`.
    pub CHP_CFG_DIR_VAS_CRD(u32)[32, stride = 0x1000] @ 0x40000000 | - {
        /// Count.
        13:0 count;
    }

    /// Credits a domain has left, for both kinds of queue.
    pub CHP_CFG_VAS_CRD(u32)[32, stride = 0x1000] @ - | 0x40000000 {
        /// Count.
        14:0 count;
    }

    /// Load-balanced credits a domain has left. On 2.5: `CHP_CFG_VAS_CRD`.
    pub CHP_CFG_LDB_VAS_CRD(u32)[32, stride = 0x1000] @ 0x40080000 | - {
        /// Count.
        14:0 count;
    }

    /// Next sequence number of an ordered queue.
    pub CHP_ORD_QID_SN(u32)[32, stride = 0x1000] @ 0x40100000 | 0x40080000 {
        /// Sequence number.
        9:0 sn;
    }

    /// Sequence-number slot of an ordered queue.
    pub CHP_ORD_QID_SN_MAP(u32)[32, stride = 0x1000] @ 0x40180000 | 0x40100000 {
        /// Mode of the group, as in `RO_GRP_SN_MODE`.
        2:0 mode;
        /// Slot in the group.
        6:3 slot;
        /// Group.
        8:8 grp;
    }

    /// Sequence-number check of an LDB CQ.
    pub CHP_SN_CHK_ENBL(u32)[64, stride = 0x1000] @ 0x40200000 | 0x40180000 {
        /// 1 = on.
        0:0 en;
    }

    /// Tokens the consumer of a DIR CQ holds.
    pub CHP_DIR_CQ_DEPTH(u32)[64 | 96, stride = 0x1000] @ 0x40280000 | 0x40300000 {
        /// Depth.
        12:0 | 10:0 depth;
    }

    /// A DIR CQ interrupts when its depth exceeds this.
    pub CHP_DIR_CQ_INT_DEPTH_THRSH(u32)[64 | 96, stride = 0x1000] @ 0x40300000 | 0x40380000 {
        /// Threshold less one.
        12:0 depth_threshold;
    }

    /// Interrupt causes enabled for a DIR CQ.
    pub CHP_DIR_CQ_INT_ENB(u32)[64 | 96, stride = 0x1000] @ 0x40380000 | 0x40400000 {
        /// By timer.
        0:0 en_tim;
        /// By depth.
        1:1 en_depth;
    }

    /// Timer threshold of a DIR CQ's interrupt.
    pub CHP_DIR_CQ_TMR_THRSH(u32)[64 | 96, stride = 0x1000] @ 0x40480000 | 0x40500000 = 0x1 {
        /// Bit 0 of the threshold.
        0:0 thrsh_0;
        /// Bits 13:1 of the threshold.
        13:1 thrsh_13_1;
    }

    /// Ring length of a DIR CQ.
    pub CHP_DIR_CQ_TKN_DEPTH_SEL(u32)[64 | 96, stride = 0x1000] @ 0x40500000 | 0x40580000 {
        /// Ring length is 4 << n.
        3:0 token_depth_select;
    }

    /// Watchdog of a DIR CQ.
    pub CHP_DIR_CQ_WD_ENB(u32)[64 | 96, stride = 0x1000] @ 0x40580000 | 0x40600000 {
        /// 1 = on.
        0:0 wd_enable;
    }

    /// Where the next entry of a DIR CQ is written.
    pub CHP_DIR_CQ_WPTR(u32)[64 | 96, stride = 0x1000] @ 0x40600000 | 0x40680000 {
        /// Index, and the generation above it. 0 = first entry, generation 1.
        12:0 | 10:0 write_pointer;
    }

    /// Domain a DIR CQ belongs to.
    pub CHP_DIR_CQ2VAS(u32)[64 | 96, stride = 0x1000] @ 0x40680000 | 0x40700000 {
        /// Domain.
        4:0 cq2vas;
    }

    /// First history-list entry of an LDB CQ.
    pub CHP_HIST_LIST_BASE(u32)[64, stride = 0x1000] @ 0x40700000 | 0x40780000 {
        /// Entry.
        12:0 base;
    }

    /// Last history-list entry of an LDB CQ.
    pub CHP_HIST_LIST_LIM(u32)[64, stride = 0x1000] @ 0x40780000 | 0x40800000 {
        /// Entry, inclusive.
        12:0 limit;
    }

    /// Oldest history-list entry of an LDB CQ.
    pub CHP_HIST_LIST_POP_PTR(u32)[64, stride = 0x1000] @ 0x40800000 | 0x40880000 {
        /// Entry.
        12:0 pop_ptr;
        /// Toggles when the pointer wraps.
        13:13 generation;
    }

    /// Next free history-list entry of an LDB CQ.
    pub CHP_HIST_LIST_PUSH_PTR(u32)[64, stride = 0x1000] @ 0x40880000 | 0x40900000 {
        /// Entry.
        12:0 push_ptr;
        /// Toggles when the pointer wraps.
        13:13 generation;
    }

    /// Tokens the consumer of an LDB CQ holds.
    pub CHP_LDB_CQ_DEPTH(u32)[64, stride = 0x1000] @ 0x40900000 | 0x40a80000 {
        /// Depth.
        10:0 depth;
    }

    /// An LDB CQ interrupts when its depth exceeds this.
    pub CHP_LDB_CQ_INT_DEPTH_THRSH(u32)[64, stride = 0x1000] @ 0x40980000 | 0x40b00000 {
        /// Threshold less one.
        10:0 depth_threshold;
    }

    /// Interrupt causes enabled for an LDB CQ.
    pub CHP_LDB_CQ_INT_ENB(u32)[64, stride = 0x1000] @ 0x40a00000 | 0x40b80000 {
        /// By timer.
        0:0 en_tim;
        /// By depth.
        1:1 en_depth;
    }

    /// Timer threshold of an LDB CQ's interrupt.
    pub CHP_LDB_CQ_TMR_THRSH(u32)[64, stride = 0x1000] @ 0x40b00000 | 0x40c80000 = 0x1 {
        /// Bit 0 of the threshold.
        0:0 thrsh_0;
        /// Bits 13:1 of the threshold.
        13:1 thrsh_13_1;
    }

    /// Ring length of an LDB CQ.
    pub CHP_LDB_CQ_TKN_DEPTH_SEL(u32)[64, stride = 0x1000] @ 0x40b80000 | 0x40d00000 {
        /// Ring length is 4 << n.
        3:0 token_depth_select;
    }

    /// Watchdog of an LDB CQ.
    pub CHP_LDB_CQ_WD_ENB(u32)[64, stride = 0x1000] @ 0x40c00000 | 0x40d80000 {
        /// 1 = on.
        0:0 wd_enable;
    }

    /// Where the next entry of an LDB CQ is written.
    pub CHP_LDB_CQ_WPTR(u32)[64, stride = 0x1000] @ 0x40c80000 | 0x40e00000 {
        /// Index, and the generation above it. 0 = first entry, generation 1.
        10:0 write_pointer;
    }

    /// Domain an LDB CQ belongs to.
    pub CHP_LDB_CQ2VAS(u32)[64, stride = 0x1000] @ 0x40d00000 | 0x40e80000 {
        /// Domain.
        4:0 cq2vas;
    }

    /// CQ layout and alarm masks.
    pub CHP_CFG_CHP_CSR_CTRL(u32) @ 0x44000008 = 0x180002 {
        /// 1 = no alarm for corrected errors.
        0:0 int_cor_alarm_dis;
        /// 1 = no syndrome for corrected errors.
        1:1 int_cor_synd_dis;
        /// 1 = no alarm for uncorrected errors.
        2:2 int_uncr_alarm_dis;
        /// 1 = no syndrome for uncorrected errors.
        3:3 int_unc_synd_dis;
        /// 1 = no alarm for information class 0.
        4:4 int_inf0_alarm_dis;
        /// 1 = no syndrome for information class 0.
        5:5 int_inf0_synd_dis;
        /// 1 = no alarm for information class 1.
        6:6 int_inf1_alarm_dis;
        /// 1 = no syndrome for information class 1.
        7:7 int_inf1_synd_dis;
        /// 1 = no alarm for information class 2.
        8:8 int_inf2_alarm_dis;
        /// 1 = no syndrome for information class 2.
        9:9 int_inf2_synd_dis;
        /// 1 = no alarm for information class 3.
        10:10 int_inf3_alarm_dis;
        /// 1 = no syndrome for information class 3.
        11:11 int_inf3_synd_dis;
        /// 1 = no alarm for information class 4.
        12:12 int_inf4_alarm_dis;
        /// 1 = no syndrome for information class 4.
        13:13 int_inf4_synd_dis;
        /// 1 = no alarm for information class 5.
        14:14 int_inf5_alarm_dis;
        /// 1 = no syndrome for information class 5.
        15:15 int_inf5_synd_dis;
        /// Alarm for corrected errors.
        16:16 dlb_cor_alarm_enable;
        /// 1 = one entry per 64-byte line in all LDB CQs.
        17:17 cfg_64bytes_qe_ldb_cq_mode;
        /// 1 = one entry per 64-byte line in all DIR CQs.
        18:18 cfg_64bytes_qe_dir_cq_mode;
        /// Pad partial lines of LDB CQs.
        19:19 pad_write_ldb;
        /// Pad partial lines of DIR CQs.
        20:20 pad_write_dir;
        /// Pad the first write to a line of an LDB CQ.
        21:21 pad_first_write_ldb;
        /// Pad the first write to a line of a DIR CQ.
        22:22 pad_first_write_dir;
    }

    /// HCWs dropped by CHP, lower half.
    pub CHP_CFG_CNTR_CHP_ERR_DROP_L(u32) @ 0x4400000c {
        /// Count.
        31:0 count;
    }

    /// HCWs dropped by CHP, upper half.
    pub CHP_CFG_CNTR_CHP_ERR_DROP_H(u32) @ 0x44000010 {
        /// Count.
        31:0 count;
    }

    /// Armed interrupts of DIR CQs 64..95; write 1 to arm.
    pub CHP_DIR_CQ_INTR_ARMED2(u32) @ - | 0x44000054 {
        /// Bit n: the n-th CQ of the group.
        31:0 armed;
    }

    /// Armed interrupts of DIR CQs 0..31; write 1 to arm.
    pub CHP_DIR_CQ_INTR_ARMED0(u32) @ 0x4400005c | 0x4400004c {
        /// Bit n: the n-th CQ of the group.
        31:0 armed;
    }

    /// Armed interrupts of DIR CQs 32..63; write 1 to arm.
    pub CHP_DIR_CQ_INTR_ARMED1(u32) @ 0x44000060 | 0x44000050 {
        /// Bit n: the n-th CQ of the group.
        31:0 armed;
    }

    /// Sample timer of DIR CQ interrupts.
    pub CHP_CFG_DIR_CQ_TIMER_CTL(u32) @ 0x44000084 | 0x44000088 {
        /// Sample interval.
        7:0 sample_interval;
        /// 1 = on.
        8:8 enb;
    }

    /// Watchdog time-outs of DIR CQs 0..31; write 1 to clear.
    pub CHP_CFG_DIR_WDTO_0(u32) @ 0x44000088 | 0x4400008c {
        /// Bit n: the n-th CQ of the group.
        31:0 wdto;
    }

    /// Watchdog time-outs of DIR CQs 32..63; write 1 to clear.
    pub CHP_CFG_DIR_WDTO_1(u32) @ 0x4400008c | 0x44000090 {
        /// Bit n: the n-th CQ of the group.
        31:0 wdto;
    }

    /// Watchdog time-outs of DIR CQs 64..95; write 1 to clear.
    pub CHP_CFG_DIR_WDTO_2(u32) @ - | 0x44000094 {
        /// Bit n: the n-th CQ of the group.
        31:0 wdto;
    }

    /// Disabled watchdogs of DIR CQs 0..31; write 1 to enable.
    pub CHP_CFG_DIR_WD_DISABLE0(u32) @ 0x44000098 | 0x440000a4 = 0xffffffff {
        /// Bit n: the n-th CQ of the group.
        31:0 wd_disable;
    }

    /// Disabled watchdogs of DIR CQs 32..63; write 1 to enable.
    pub CHP_CFG_DIR_WD_DISABLE1(u32) @ 0x4400009c | 0x440000a8 = 0xffffffff {
        /// Bit n: the n-th CQ of the group.
        31:0 wd_disable;
    }

    /// Sample interval of the DIR watchdogs.
    pub CHP_CFG_DIR_WD_ENB_INTERVAL(u32) @ 0x440000a0 | 0x440000b0 {
        /// Sample interval.
        27:0 sample_interval;
        /// 1 = on.
        28:28 enb;
    }

    /// Samples without service before a DIR watchdog fires.
    pub CHP_CFG_DIR_WD_THRESHOLD(u32) @ 0x440000ac | 0x440000c0 {
        /// Number of samples.
        7:0 wd_threshold;
    }

    /// Disabled watchdogs of DIR CQs 64..95; write 1 to enable.
    pub CHP_CFG_DIR_WD_DISABLE2(u32) @ - | 0x440000ac = 0xffffffff {
        /// Bit n: the n-th CQ of the group.
        31:0 wd_disable;
    }

    /// Armed interrupts of LDB CQs 0..31; write 1 to arm.
    pub CHP_LDB_CQ_INTR_ARMED0(u32) @ 0x440000b0 | 0x440000c4 {
        /// Bit n: the n-th CQ of the group.
        31:0 armed;
    }

    /// Armed interrupts of LDB CQs 32..63; write 1 to arm.
    pub CHP_LDB_CQ_INTR_ARMED1(u32) @ 0x440000b4 | 0x440000c8 {
        /// Bit n: the n-th CQ of the group.
        31:0 armed;
    }

    /// Sample timer of LDB CQ interrupts.
    pub CHP_CFG_LDB_CQ_TIMER_CTL(u32) @ 0x440000d8 | 0x440000ec {
        /// Sample interval.
        7:0 sample_interval;
        /// 1 = on.
        8:8 enb;
    }

    /// Watchdog time-outs of LDB CQs 0..31; write 1 to clear.
    pub CHP_CFG_LDB_WDTO_0(u32) @ 0x440000dc | 0x440000f0 {
        /// Bit n: the n-th CQ of the group.
        31:0 wdto;
    }

    /// Watchdog time-outs of LDB CQs 32..63; write 1 to clear.
    pub CHP_CFG_LDB_WDTO_1(u32) @ 0x440000e0 | 0x440000f4 {
        /// Bit n: the n-th CQ of the group.
        31:0 wdto;
    }

    /// Disabled watchdogs of LDB CQs 0..31; write 1 to enable.
    pub CHP_CFG_LDB_WD_DISABLE0(u32) @ 0x440000ec | 0x44000100 = 0xffffffff {
        /// Bit n: the n-th CQ of the group.
        31:0 wd_disable;
    }

    /// Disabled watchdogs of LDB CQs 32..63; write 1 to enable.
    pub CHP_CFG_LDB_WD_DISABLE1(u32) @ 0x440000f0 | 0x44000104 = 0xffffffff {
        /// Bit n: the n-th CQ of the group.
        31:0 wd_disable;
    }

    /// Sample interval of the LDB watchdogs.
    pub CHP_CFG_LDB_WD_ENB_INTERVAL(u32) @ 0x440000f4 | 0x44000108 {
        /// Sample interval.
        27:0 sample_interval;
        /// 1 = on.
        28:28 enb;
    }

    /// Samples without service before an LDB watchdog fires.
    pub CHP_CFG_LDB_WD_THRESHOLD(u32) @ 0x44000100 | 0x44000114 {
        /// Number of samples.
        7:0 wd_threshold;
    }

    /// Performance monitor: first value to compare with.
    pub CHP_SMON_COMPARE0(u32) @ 0x4c000000 {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub CHP_SMON_COMPARE1(u32) @ 0x4c000004 {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub CHP_SMON_CFG0(u32) @ 0x4c000008 = 0x40000000 {
        /// 1 = on.
        0:0 smon_enable;
        /// Trigger of the first counter.
        1:1 smon_0trigger_enable;
        /// Function of the first counter.
        6:4 smon0_function;
        /// The first counter compares.
        7:7 smon0_function_compare;
        /// Function of the second counter.
        10:8 smon1_function;
        /// The second counter compares.
        11:11 smon1_function_compare;
        /// Mode.
        15:12 smon_mode;
        /// Stop when a counter overflows.
        16:16 stopcounterovfl;
        /// Interrupt when a counter overflows.
        17:17 intcounterovfl;
        /// The first counter overflowed.
        18:18 statcounter0ovfl;
        /// The second counter overflowed.
        19:19 statcounter1ovfl;
        /// Stop when the timer overflows.
        20:20 stoptimerovfl;
        /// Interrupt when the timer overflows.
        21:21 inttimerovfl;
        /// The timer overflowed.
        22:22 stattimerovfl;
        /// Prescaler of the timer.
        28:24 timer_prescale;
        /// Version of the monitor.
        31:30 version;
    }

    /// Performance monitor: modes.
    pub CHP_SMON_CFG1(u32) @ 0x4c00000c {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: first counter.
    pub CHP_SMON_ACTIVITYCNTR0(u32) @ 0x4c000010 {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub CHP_SMON_ACTIVITYCNTR1(u32) @ 0x4c000014 {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: where the timer stops.
    pub CHP_SMON_MAX_TMR(u32) @ 0x4c000018 {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub CHP_SMON_TMR(u32) @ 0x4c00001c {
        /// Timer value.
        31:0 timer;
    }

    /// Credit status of CHP's pipes.
    pub CHP_CTRL_DIAG_02(u32) @ 0x4c000028 = 0x1555 {
        /// EGRESS credits: empty.
        0:0 egress_credit_status_empty;
        /// EGRESS credits: almost full.
        1:1 egress_credit_status_afull;
        /// CHP_OUTBOUND_HCW_PIPE credits: empty.
        2:2 chp_outbound_hcw_pipe_credit_status_empty;
        /// CHP_OUTBOUND_HCW_PIPE credits: almost full.
        3:3 chp_outbound_hcw_pipe_credit_status_afull;
        /// CHP_LSP_AP_CMP_PIPE credits: empty.
        4:4 chp_lsp_ap_cmp_pipe_credit_status_empty;
        /// CHP_LSP_AP_CMP_PIPE credits: almost full.
        5:5 chp_lsp_ap_cmp_pipe_credit_status_afull;
        /// CHP_LSP_TOK_PIPE credits: empty.
        6:6 chp_lsp_tok_pipe_credit_status_empty;
        /// CHP_LSP_TOK_PIPE credits: almost full.
        7:7 chp_lsp_tok_pipe_credit_status_afull;
        /// CHP_ROP_PIPE credits: empty.
        8:8 chp_rop_pipe_credit_status_empty;
        /// CHP_ROP_PIPE credits: almost full.
        9:9 chp_rop_pipe_credit_status_afull;
        /// QED_TO_CQ_PIPE credits: empty.
        10:10 qed_to_cq_pipe_credit_status_empty;
        /// QED_TO_CQ_PIPE credits: almost full.
        11:11 qed_to_cq_pipe_credit_status_afull;
        /// EGRESS_LSP_TOKEN credits: empty.
        12:12 egress_lsp_token_credit_status_empty;
        /// EGRESS_LSP_TOKEN credits: almost full.
        13:13 egress_lsp_token_credit_status_afull;
        /// Fill level of the token buffer towards LSP.
        - | 16:14 chp_lsp_token_qb_status_size;
        /// Size of the free list.
        - | 31:17 freelist_size;
    }

    /// History-list storage, first word of an entry. Address given for 2.0 only, assumed equal.
    pub CHP_HIST_LIST_0(u32)[2048, stride = 0x4] @ 0x4e010000 {
        /// Sequence number of an ordered element, internal flow ID of an atomic one.
        11:0 sn_fid;
        /// Sequence-number slot.
        16:12 slot;
        /// Sequence-number mode.
        19:17 mode;
        /// Slot of the CQ.
        22:20 qidix;
        /// Queue.
        29:23 qid;
        /// Bits 1:0 of the priority.
        31:30 qprio;
    }

    /// History-list storage, second word of an entry. Address given for 2.0 only, assumed equal.
    pub CHP_HIST_LIST_1(u32)[2048, stride = 0x4] @ 0x4e020000 = 0x60000000 {
        /// Bit 2 of the priority.
        0:0 qprio_2;
        /// Scheduling type: 0 atomic, 1 unordered, 2 ordered, 3 directed.
        2:1 qtype;
        /// Latency-measurement flag of the HCW.
        3:3 meas;
        /// Completion ID.
        7:4 cmp_id;
        /// Lock ID.
        23:8 hid;
        /// Check bits.
        30:24 ecc;
        /// State bit.
        31:31 tlow;
    }
}
