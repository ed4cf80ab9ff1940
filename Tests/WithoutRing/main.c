// Runs a program in which io_uring_setup fails, as under a container's seccomp profile or in an old kernel.
//
//     without-io-uring ARGUMENTS... ERRNO PROGRAM
//
// The program gets the arguments; io_uring_setup answers ERRNO, a number.

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char **arguments) {
    if (count < 3) return 64;
    unsigned int refusal = (unsigned int)atoi(arguments[count - 2]);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (refusal & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
    // Without new privileges a filter needs no rights of its own (seccomp(2)).
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without-io-uring: prctl");
        return 71;
    }
    char *path = arguments[count - 1];
    arguments[0] = path;
    arguments[count - 2] = NULL;
    execv(path, arguments);
    perror("without-io-uring: execv");
    return 71;
}
