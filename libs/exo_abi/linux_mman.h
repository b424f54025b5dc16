/* Linux user ABI of memory mappings: mmap(2), mremap(2), madvise(2), msync(2), mlock(2),
 * mlockall(2), membarrier(2), mbind(2). */
#pragma once

#define L_PROT_READ      0x1
#define L_PROT_WRITE     0x2
#define L_PROT_EXEC      0x4
#define L_PROT_SEM       0x8
#define L_PROT_GROWSDOWN 0x01000000

#define L_MAP_SHARED          0x01
#define L_MAP_PRIVATE         0x02
#define L_MAP_SHARED_VALIDATE 0x03
#define L_MAP_TYPE            0x0f
#define L_MAP_FIXED           0x10
#define L_MAP_ANONYMOUS       0x20
#define L_MAP_32BIT           0x40
#define L_MAP_GROWSDOWN       0x0100
#define L_MAP_DENYWRITE       0x0800
#define L_MAP_EXECUTABLE      0x1000
#define L_MAP_LOCKED          0x2000
#define L_MAP_NORESERVE       0x4000
#define L_MAP_POPULATE        0x8000
#define L_MAP_NONBLOCK        0x10000
#define L_MAP_STACK           0x20000
#define L_MAP_HUGETLB         0x40000
#define L_MAP_SYNC            0x80000
#define L_MAP_FIXED_NOREPLACE 0x100000

#define L_MREMAP_MAYMOVE   1
#define L_MREMAP_FIXED     2
#define L_MREMAP_DONTUNMAP 4

#define L_MS_ASYNC      1
#define L_MS_INVALIDATE 2
#define L_MS_SYNC       4

#define L_MLOCK_ONFAULT 1
#define L_MCL_CURRENT   1
#define L_MCL_FUTURE    2
#define L_MCL_ONFAULT   4

#define L_MADV_NORMAL          0
#define L_MADV_RANDOM          1
#define L_MADV_SEQUENTIAL      2
#define L_MADV_WILLNEED        3
#define L_MADV_DONTNEED        4
#define L_MADV_FREE            8
#define L_MADV_REMOVE          9
#define L_MADV_DONTFORK        10
#define L_MADV_DOFORK          11
#define L_MADV_HUGEPAGE        14
#define L_MADV_NOHUGEPAGE      15
#define L_MADV_DONTDUMP        16
#define L_MADV_DODUMP          17
#define L_MADV_WIPEONFORK      18
#define L_MADV_KEEPONFORK      19
#define L_MADV_COLD            20
#define L_MADV_PAGEOUT         21
#define L_MADV_POPULATE_READ   22
#define L_MADV_POPULATE_WRITE  23
#define L_MADV_DONTNEED_LOCKED 24

#define L_MPOL_DEFAULT        0
#define L_MPOL_PREFERRED      1
#define L_MPOL_BIND           2
#define L_MPOL_INTERLEAVE     3
#define L_MPOL_LOCAL          4
#define L_MPOL_PREFERRED_MANY 5
#define L_MPOL_MF_STRICT      1
#define L_MPOL_MF_MOVE        2
#define L_MPOL_MF_MOVE_ALL    4
#define L_MPOL_F_NODE         1
#define L_MPOL_F_ADDR         2
#define L_MPOL_F_MEMS_ALLOWED 4

#define L_MEMBARRIER_CMD_QUERY                                0
#define L_MEMBARRIER_CMD_GLOBAL                               1
#define L_MEMBARRIER_CMD_GLOBAL_EXPEDITED                     2
#define L_MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED            4
#define L_MEMBARRIER_CMD_PRIVATE_EXPEDITED                    8
#define L_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED           16
#define L_MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE          32
#define L_MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE 64
#define L_MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ               128
#define L_MEMBARRIER_CMD_FLAG_CPU                             1
