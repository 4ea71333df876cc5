// SPDX-License-Identifier: GPL-2.0

//! LSP: the list select pipe: the scheduler.

use super::*;

register! {
    unit Lsp in Csr;

    /// Valid bits and priorities of an LDB CQ's eight slots.
    pub LSP_CQ2PRIOV(u32)[64, stride = 0x1000] @ 0xa0000000 | 0x90000000 {
        /// Priority of slot n in bits 3n+2:3n.
        23:0 prio;
        /// Bit n: slot n is valid.
        31:24 v;
    }

    /// Queues in slots 0..3 of an LDB CQ.
    pub LSP_CQ2QID0(u32)[64, stride = 0x1000] @ 0xa0080000 | 0x90080000 {
        /// Queue in slot 0.
        6:0 qid_p0;
        /// Queue in slot 1.
        14:8 qid_p1;
        /// Queue in slot 2.
        22:16 qid_p2;
        /// Queue in slot 3.
        30:24 qid_p3;
    }

    /// Queues in slots 4..7 of an LDB CQ.
    pub LSP_CQ2QID1(u32)[64, stride = 0x1000] @ 0xa0100000 | 0x90100000 {
        /// Queue in slot 4.
        6:0 qid_p4;
        /// Queue in slot 5.
        14:8 qid_p5;
        /// Queue in slot 6.
        22:16 qid_p6;
        /// Queue in slot 7.
        30:24 qid_p7;
    }

    /// Scheduling to a DIR CQ is off.
    pub LSP_CQ_DIR_DSBL(u32)[64 | 96, stride = 0x1000] @ 0xa0180000 | 0x90180000 = 0x1 {
        /// 1 = off.
        0:0 disabled;
    }

    /// Tokens outstanding at a DIR CQ, counting the ones pre-charged for depths below 8.
    pub LSP_CQ_DIR_TKN_CNT(u32)[64 | 96, stride = 0x1000] @ 0xa0200000 | 0x90200000 {
        /// Count.
        12:0 | 10:0 count;
    }

    /// Ring length of a DIR CQ, for the scheduler.
    pub LSP_CQ_DIR_TKN_DEPTH_SEL_DSI(u32)[64 | 96, stride = 0x1000] @ 0xa0280000 | 0x90280000 {
        /// Ring length is 4 << n.
        3:0 token_depth_select;
        /// 1 = no write-buffer optimisation.
        4:4 disable_wb_opt;
        /// 1 = ignore the ring length.
        5:5 | - ignore_depth;
    }

    /// Elements scheduled to a DIR CQ, lower half.
    pub LSP_CQ_DIR_TOT_SCH_CNTL(u32)[64 | 96, stride = 0x1000] @ 0xa0300000 | 0x90300000 {
        /// Count.
        31:0 count;
    }

    /// Elements scheduled to a DIR CQ, upper half.
    pub LSP_CQ_DIR_TOT_SCH_CNTH(u32)[64 | 96, stride = 0x1000] @ 0xa0380000 | 0x90380000 {
        /// Count.
        31:0 count;
    }

    /// Scheduling to an LDB CQ is off.
    pub LSP_CQ_LDB_DSBL(u32)[64, stride = 0x1000] @ 0xa0400000 | 0x90400000 = 0x1 {
        /// 1 = off.
        0:0 disabled;
    }

    /// Elements an LDB CQ received and has not completed.
    pub LSP_CQ_LDB_INFL_CNT(u32)[64, stride = 0x1000] @ 0xa0480000 | 0x90480000 {
        /// Count.
        11:0 count;
    }

    /// Limit of `LSP_CQ_LDB_INFL_CNT`: the size of the CQ's history list.
    pub LSP_CQ_LDB_INFL_LIM(u32)[64, stride = 0x1000] @ 0xa0500000 | 0x90500000 {
        /// Limit.
        11:0 limit;
    }

    /// Tokens outstanding at an LDB CQ, counting the ones pre-charged for depths below 8.
    pub LSP_CQ_LDB_TKN_CNT(u32)[64, stride = 0x1000] @ 0xa0580000 | 0x90600000 {
        /// Count.
        10:0 token_count;
    }

    /// In-flight threshold of an LDB CQ; needs `LSP_CFG_CTRL_GENERAL_0.enab_if_thresh`.
    pub LSP_CQ_LDB_INFL_THRESH(u32)[64, stride = 0x1000] @ - | 0x90580000 {
        /// Threshold.
        11:0 thresh;
    }

    /// Ring length of an LDB CQ, for the scheduler.
    pub LSP_CQ_LDB_TKN_DEPTH_SEL(u32)[64, stride = 0x1000] @ 0xa0600000 | 0x90680000 {
        /// Ring length is 4 << n.
        3:0 token_depth_select;
        /// 1 = ignore the ring length.
        4:4 | - ignore_depth;
    }

    /// Elements scheduled to an LDB CQ, lower half.
    pub LSP_CQ_LDB_TOT_SCH_CNTL(u32)[64, stride = 0x1000] @ 0xa0680000 | 0x90700000 {
        /// Count.
        31:0 count;
    }

    /// Elements scheduled to an LDB CQ, upper half.
    pub LSP_CQ_LDB_TOT_SCH_CNTH(u32)[64, stride = 0x1000] @ 0xa0700000 | 0x90780000 {
        /// Count.
        31:0 count;
    }

    /// High-water mark of a DIR queue.
    pub LSP_QID_DIR_MAX_DEPTH(u32)[64 | 96, stride = 0x1000] @ 0xa0780000 | 0x90800000 {
        /// Depth.
        12:0 depth;
    }

    /// Elements enqueued to a DIR queue, lower half.
    pub LSP_QID_DIR_TOT_ENQ_CNTL(u32)[64 | 96, stride = 0x1000] @ 0xa0800000 | 0x90880000 {
        /// Count.
        31:0 count;
    }

    /// Elements enqueued to a DIR queue, upper half.
    pub LSP_QID_DIR_TOT_ENQ_CNTH(u32)[64 | 96, stride = 0x1000] @ 0xa0880000 | 0x90900000 {
        /// Count.
        31:0 count;
    }

    /// Depth of a DIR queue.
    pub LSP_QID_DIR_ENQUEUE_CNT(u32)[64 | 96, stride = 0x1000] @ 0xa0900000 | 0x90980000 {
        /// Count.
        12:0 count;
    }

    /// Depth a DIR queue's fill level in CQ entries is measured against.
    pub LSP_QID_DIR_DEPTH_THRSH(u32)[64 | 96, stride = 0x1000] @ 0xa0980000 | 0x90a00000 {
        /// Threshold.
        12:0 | 14:0 thresh;
    }

    /// Elements of a queue in the atomic storage.
    pub LSP_QID_AQED_ACTIVE_CNT(u32)[32, stride = 0x1000] @ 0xa0a00000 | 0x90b80000 {
        /// Count.
        11:0 count;
    }

    /// Limit of `LSP_QID_AQED_ACTIVE_CNT`.
    pub LSP_QID_AQED_ACTIVE_LIM(u32)[32, stride = 0x1000] @ 0xa0a80000 | 0x90c00000 {
        /// Limit.
        11:0 limit;
    }

    /// Atomic elements enqueued to a queue, lower half.
    pub LSP_QID_ATM_TOT_ENQ_CNTL(u32)[32, stride = 0x1000] @ 0xa0b00000 | 0x90c80000 {
        /// Count.
        31:0 count;
    }

    /// Weight limit of an LDB CQ.
    pub LSP_CFG_CQ_LDB_WU_LIMIT(u32)[64, stride = 0x1000] @ - | 0x90b00000 {
        /// Limit.
        14:0 limit;
        /// 1 = the limit applies.
        15:15 v;
    }

    /// Atomic elements enqueued to a queue, upper half.
    pub LSP_QID_ATM_TOT_ENQ_CNTH(u32)[32, stride = 0x1000] @ 0xa0b80000 | 0x90d00000 {
        /// Count.
        31:0 count;
    }

    /// Unordered and ordered elements waiting in a queue.
    pub LSP_QID_LDB_ENQUEUE_CNT(u32)[32, stride = 0x1000] @ 0xa0c80000 | 0x90e00000 {
        /// Count.
        13:0 count;
    }

    /// Elements of a queue that were scheduled and not completed.
    pub LSP_QID_LDB_INFL_CNT(u32)[32, stride = 0x1000] @ 0xa0d00000 | 0x90e80000 {
        /// Count.
        11:0 count;
    }

    /// Limit of `LSP_QID_LDB_INFL_CNT`. 0 stops the queue.
    pub LSP_QID_LDB_INFL_LIM(u32)[32, stride = 0x1000] @ 0xa0d80000 | 0x90f00000 {
        /// Limit.
        11:0 limit;
    }

    /// CQ slots that hold a queue, for the scheduler. Index: queue, CQ / 4.
    pub LSP_QID2CQIDIX(u32)[32, stride = 0x1000][16, stride = 0x80000] @ 0xa0e00000 | 0x90f80000 {
        /// Bit n: slot n of CQ 4 * word + 0 holds the queue.
        7:0 cq_p0;
        /// Bit n: slot n of CQ 4 * word + 1 holds the queue.
        15:8 cq_p1;
        /// Bit n: slot n of CQ 4 * word + 2 holds the queue.
        23:16 cq_p2;
        /// Bit n: slot n of CQ 4 * word + 3 holds the queue.
        31:24 cq_p3;
    }

    /// CQ slots that hold a queue, second copy. Index: queue, CQ / 4.
    pub LSP_QID2CQIDIX2(u32)[32, stride = 0x1000][16, stride = 0x80000] @ 0xa1600000 | 0x91780000 {
        /// Bit n: slot n of CQ 4 * word + 0 holds the queue.
        7:0 cq_p0;
        /// Bit n: slot n of CQ 4 * word + 1 holds the queue.
        15:8 cq_p1;
        /// Bit n: slot n of CQ 4 * word + 2 holds the queue.
        23:16 cq_p2;
        /// Bit n: slot n of CQ 4 * word + 3 holds the queue.
        31:24 cq_p3;
    }

    /// High-water mark of a queue's unordered and ordered elements.
    pub LSP_QID_NALDB_MAX_DEPTH(u32)[32, stride = 0x1000] @ 0xa1f00000 | 0x92080000 {
        /// Depth.
        13:0 depth;
    }

    /// Unordered and ordered elements enqueued to a queue, lower half.
    pub LSP_QID_NALDB_TOT_ENQ_CNTL(u32)[32, stride = 0x1000] @ 0xa1f80000 | 0x92100000 {
        /// Count.
        31:0 count;
    }

    /// Unordered and ordered elements enqueued to a queue, upper half.
    pub LSP_QID_NALDB_TOT_ENQ_CNTH(u32)[32, stride = 0x1000] @ 0xa2000000 | 0x92180000 {
        /// Count.
        31:0 count;
    }

    /// Depth the fill level in CQ entries is measured against, atomic elements.
    pub LSP_QID_ATM_DEPTH_THRSH(u32)[32, stride = 0x1000] @ 0xa2080000 | 0x92200000 {
        /// Threshold.
        13:0 | 14:0 thresh;
    }

    /// Depth the fill level in CQ entries is measured against, other elements.
    pub LSP_QID_NALDB_DEPTH_THRSH(u32)[32, stride = 0x1000] @ 0xa2100000 | 0x92280000 {
        /// Threshold.
        13:0 | 14:0 thresh;
    }

    /// Atomic elements of a queue that wait for the atomic storage.
    pub LSP_QID_ATM_ACTIVE(u32)[32, stride = 0x1000] @ 0xa2180000 | 0x92300000 {
        /// Count.
        13:0 | 14:0 count;
    }

    /// Weights between a queue's atomic and other elements, bins 0..3.
    pub LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_0(u32) @ 0xa4000008 | 0x94000008 {
        /// Weight of level 0.
        7:0 pri0_weight;
        /// Weight of level 1.
        15:8 pri1_weight;
        /// Weight of level 2.
        23:16 pri2_weight;
        /// Weight of level 3.
        31:24 pri3_weight;
    }

    /// Weights between a queue's atomic and other elements, bins 4..7.
    pub LSP_CFG_ARB_WEIGHT_ATM_NALB_QID_1(u32) @ 0xa400000c | 0x9400000c {
        /// Weight of level 4.
        - | 7:0 pri4_weight;
        /// Weight of level 5.
        - | 15:8 pri5_weight;
        /// Weight of level 6.
        - | 23:16 pri6_weight;
        /// Weight of level 7.
        - | 31:24 pri7_weight;
    }

    /// Weights between the priorities of a CQ's queues, bins 0..3.
    pub LSP_CFG_ARB_WEIGHT_LDB_QID_0(u32) @ 0xa4000014 | 0x94000014 {
        /// Weight of level 0.
        7:0 pri0_weight;
        /// Weight of level 1.
        15:8 pri1_weight;
        /// Weight of level 2.
        23:16 pri2_weight;
        /// Weight of level 3.
        31:24 pri3_weight;
    }

    /// Weights between the priorities of a CQ's queues, bins 4..7.
    pub LSP_CFG_ARB_WEIGHT_LDB_QID_1(u32) @ 0xa4000018 | 0x94000018 {
        /// Weight of level 4.
        - | 7:0 pri4_weight;
        /// Weight of level 5.
        - | 15:8 pri5_weight;
        /// Weight of level 6.
        - | 23:16 pri6_weight;
        /// Weight of level 7.
        - | 31:24 pri7_weight;
    }

    /// Sets or clears scheduler state bits of one slot of one CQ.
    pub LSP_LDB_SCHED_CTRL(u32) @ 0xa400002c | 0x9400002c {
        /// CQ number.
        7:0 cq;
        /// Slot of the CQ.
        10:8 qidix;
        /// What the selected bits are set to.
        11:11 value;
        /// Select: unordered or ordered work waits.
        12:12 nalb_haswork_v;
        /// Select: ready atomic flows wait.
        13:13 rlist_haswork_v;
        /// Select: flows owned by this CQ wait.
        14:14 slist_haswork_v;
        /// Select: the queue is below its in-flight limit.
        15:15 inflight_ok_v;
        /// Select: the atomic storage is not full.
        16:16 aqed_nfull_v;
    }

    /// Alarm masks and the round-robin weight between slots.
    pub LSP_CFG_LSP_CSR_CONTROL(u32) @ 0xa4000030 | 0x94000030 {
        /// 1 = no alarm for underflow of a queue's in-flight count.
        4:4 int0_qid_if_uf_alarm_dis;
        /// 1 = no syndrome for underflow of a queue's in-flight count.
        5:5 int0_qid_if_uf_synd_dis;
        /// 1 = no alarm for underflow of a CQ's in-flight count.
        6:6 int1_cq_if_uf_alarm_dis;
        /// 1 = no syndrome for underflow of a CQ's in-flight count.
        7:7 int1_cq_if_uf_synd_dis;
        /// 1 = no alarm for underflow of a token count.
        8:8 int2_tok_uf_alarm_dis;
        /// 1 = no syndrome for underflow of a token count.
        9:9 int2_tok_uf_synd_dis;
        /// 1 = no alarm for hardware errors.
        10:10 int3_hw_err_alarm_dis;
        /// 1 = no syndrome for hardware errors.
        11:11 int3_hw_err_synd_dis;
        /// 1 = no alarm for errors that are not machine checks.
        12:12 int4_non_mc_alarm_dis;
        /// 1 = no syndrome for errors that are not machine checks.
        13:13 int4_non_mc_synd_dis;
        /// n = up to n + 1 schedules from one slot in a row.
        - | 30:28 ldb_wrr_count_base;
        /// Protection of atomic priorities.
        31:31 atm_cq_qid_priority_prot;
    }

    /// Elements scheduled to all DIR CQs, lower half.
    pub LSP_DIR_SCH_CNT_L(u32) @ 0xa4000034 | 0x94000034 {
        /// Count.
        31:0 count;
    }

    /// Elements scheduled to all DIR CQs, upper half.
    pub LSP_DIR_SCH_CNT_H(u32) @ 0xa4000038 | 0x94000038 {
        /// Count.
        31:0 count;
    }

    /// Elements scheduled to all LDB CQs, lower half.
    pub LSP_LDB_SCH_CNT_L(u32) @ 0xa400003c | 0x9400003c {
        /// Count.
        31:0 count;
    }

    /// Elements scheduled to all LDB CQs, upper half.
    pub LSP_LDB_SCH_CNT_H(u32) @ 0xa4000040 | 0x94000040 {
        /// Count.
        31:0 count;
    }

    /// Takes over the shadow registers.
    pub LSP_CFG_SHDW_CTRL(u32) @ 0xa4000070 | 0x94000070 {
        /// Write 1 to take over; clears itself.
        0:0 transfer;
    }

    /// Shadow of the share of one class of service.
    pub LSP_CFG_SHDW_RANGE_COS(u32)[4, stride = 0x4] @ 0xa4000074 | 0x94000074 = 0x40 {
        /// Share in 1/256.
        8:0 bw_range;
        /// 1 = no share of the unused bandwidth.
        31:31 no_extra_credit;
    }

    /// Scheduler cycles: no work, lower half.
    pub LSP_LDB_SCHED_PERF_0_L(u32) @ 0xa400010c | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: no work, upper half.
    pub LSP_LDB_SCHED_PERF_0_H(u32) @ 0xa4000110 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: no space in the CQs, lower half.
    pub LSP_LDB_SCHED_PERF_1_L(u32) @ 0xa4000114 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: no space in the CQs, upper half.
    pub LSP_LDB_SCHED_PERF_1_H(u32) @ 0xa4000118 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: an element was scheduled, lower half.
    pub LSP_LDB_SCHED_PERF_2_L(u32) @ 0xa400011c | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: an element was scheduled, upper half.
    pub LSP_LDB_SCHED_PERF_2_H(u32) @ 0xa4000120 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: priority friction, lower half.
    pub LSP_LDB_SCHED_PERF_3_L(u32) @ 0xa4000124 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: priority friction, upper half.
    pub LSP_LDB_SCHED_PERF_3_H(u32) @ 0xa4000128 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: in-flight limit, lower half.
    pub LSP_LDB_SCHED_PERF_4_L(u32) @ 0xa400012c | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: in-flight limit, upper half.
    pub LSP_LDB_SCHED_PERF_4_H(u32) @ 0xa4000130 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: priority friction, second cause, lower half.
    pub LSP_LDB_SCHED_PERF_5_L(u32) @ 0xa4000134 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: priority friction, second cause, upper half.
    pub LSP_LDB_SCHED_PERF_5_H(u32) @ 0xa4000138 | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: flow-ID limit, lower half.
    pub LSP_LDB_SCHED_PERF_6_L(u32) @ 0xa400013c | - {
        /// Count.
        31:0 count;
    }

    /// Scheduler cycles: flow-ID limit, upper half.
    pub LSP_LDB_SCHED_PERF_6_H(u32) @ 0xa4000140 | - {
        /// Count.
        31:0 count;
    }

    /// Controls the scheduler cycle counters.
    pub LSP_LDB_SCHED_PERF_CTRL(u32) @ 0xa4000144 | - {
        /// 1 = count.
        0:0 enab;
        /// 1 = clear the counters.
        1:1 clr;
    }

    /// Scheduler switches. Device-wide: change single bits only.
    pub LSP_CFG_CTRL_GENERAL_0(u32) @ 0xac000000 | 0x9c000000 {
        /// Arbitration while the atomic queue is empty is off.
        0:0 disab_atq_empty_arb;
        /// Idle handling of the token unit.
        1:1 inc_tok_unit_idle;
        /// Priorities of ready flows are off.
        2:2 disab_rlist_pri;
        /// Idle handling of the completion unit.
        3:3 inc_cmp_unit_idle;
        /// 1 = `LSP_CQ_LDB_INFL_THRESH` applies.
        - | 4:4 enab_if_thresh;
        /// Directed traffic: one operation at a time.
        6:6 dir_single_op;
        /// Directed traffic: half the bandwidth.
        7:7 dir_half_bw;
        /// Directed traffic: one element out at a time.
        8:8 dir_single_out;
        /// Directed traffic: no multiple elements.
        9:9 dir_disab_multi;
        /// Atomic traffic: one operation at a time.
        10:10 atq_single_op;
        /// Atomic traffic: half the bandwidth.
        11:11 atq_half_bw;
        /// Atomic traffic: one element out at a time.
        12:12 atq_single_out;
        /// Atomic traffic: no multiple elements.
        13:13 atq_disab_multi;
        /// Directed replay traffic: one operation at a time.
        14:14 dirrpl_single_op;
        /// Directed replay traffic: half the bandwidth.
        15:15 dirrpl_half_bw;
        /// Directed replay traffic: one element out at a time.
        16:16 dirrpl_single_out;
        /// Load-balanced replay traffic: one operation at a time.
        17:17 lbrpl_single_op;
        /// Load-balanced replay traffic: half the bandwidth.
        18:18 lbrpl_half_bw;
        /// Load-balanced replay traffic: one element out at a time.
        19:19 lbrpl_single_out;
        /// Load-balanced traffic: one operation at a time.
        20:20 ldb_single_op;
        /// Load-balanced traffic: half the bandwidth.
        21:21 ldb_half_bw;
        /// Load-balanced traffic: no multiple elements.
        22:22 ldb_disab_multi;
        /// Atomic traffic: one schedule at a time.
        23:23 atm_single_sch;
        /// Atomic traffic: one completion at a time.
        24:24 atm_single_cmp;
        /// Toggle the arbitration of correctable errors.
        25:25 ldb_ce_tog_arb;
        /// Performance monitor: what counts as valid.
        28:27 smon0_valid_sel;
        /// Performance monitor: which value.
        29:29 smon0_value_sel;
        /// Performance monitor: what is compared.
        31:30 smon0_compare_sel;
    }

    /// Performance monitor: first value to compare with.
    pub LSP_SMON_COMPARE0(u32) @ 0xac000048 | - {
        /// Value.
        31:0 compare0;
    }

    /// Performance monitor: second value to compare with.
    pub LSP_SMON_COMPARE1(u32) @ 0xac00004c | - {
        /// Value.
        31:0 compare1;
    }

    /// Performance monitor: control.
    pub LSP_SMON_CFG0(u32) @ 0xac000050 | - = 0x40000000 {
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
    pub LSP_SMON_CFG1(u32) @ 0xac000054 | - {
        /// Mode of the first counter.
        7:0 mode0;
        /// Mode of the second counter.
        15:8 mode1;
    }

    /// Performance monitor: first counter.
    pub LSP_SMON_ACTIVITYCNTR0(u32) @ 0xac000058 | - {
        /// Counter.
        31:0 counter0;
    }

    /// Performance monitor: second counter.
    pub LSP_SMON_ACTIVITYCNTR1(u32) @ 0xac00005c | - {
        /// Counter.
        31:0 counter1;
    }

    /// Performance monitor: where the timer stops.
    pub LSP_SMON_MAX_TMR(u32) @ 0xac000060 | - {
        /// Timer value.
        31:0 maxvalue;
    }

    /// Performance monitor: timer.
    pub LSP_SMON_TMR(u32) @ 0xac000064 | - {
        /// Timer value.
        31:0 timer;
    }
}
