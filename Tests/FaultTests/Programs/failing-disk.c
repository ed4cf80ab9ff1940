// A file system that shows another directory, and fails when it is told to: a disk for tests.
//
//     failing-disk DIRECTORY MOUNTPOINT [synchronous]       serves until it is unmounted, in the foreground
//
// Each line that is written to MOUNTPOINT/.faults arms one fault:
//
//     OPERATION NAME SKIP COUNT WHAT
//
// OPERATION  open, create, read, write, sync (fsync and fdatasync of a file), syncdir, rename, truncate, unlink
// NAME       of the file, as a pattern of fnmatch(3); of a rename, the new one; of a syncdir it is "."
// SKIP       so many that match come through first
// COUNT      so many fail then; 0: all
// WHAT       EIO, ENOSPC or EROFS: it fails, and nothing is done; "short": half of a write is done, and said so; "hang":
//            it waits until the faults are cleared, and is done then
//
// The line "clear" takes all faults away. Reading .faults gives a line for each fault that is armed, with two numbers: how
// many operations it has let fail or hang, and how many of the kind the file of the first one was asked for since.
//
// A write with O_DIRECT comes here as it is. As a rule who has asked io_uring for one goes on meanwhile, as with a real disk; but
// then the kernel makes an EIO of a write that was done in part, and asks for no sync behind one with RWF_DSYNC. When
// "synchronous" it does neither, and who asks waits. (FUSE's own way past the page cache, direct_io, is not taken: there
// io_uring goes on with a write that was done in part at the place where it began; Linux 6.18.)
#define _GNU_SOURCE
#define FUSE_USE_VERSION 34
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <fuse3/fuse.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FAULTS_MAX 16

struct fault {
    char operation[16], name[64], what[16], first[64];
    long skip, count, hit, asked;
};

static int root, is_synchronous;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cleared = PTHREAD_COND_INITIALIZER;
static struct fault faults[FAULTS_MAX];
static int fault_count;
static long generation;

static const char control[] = "/.faults";

static const char *below(const char *path) { return path[1] ? path + 1 : "."; }

static int error_of(const char *what) {
    return !strcmp(what, "ENOSPC") ? ENOSPC : !strcmp(what, "EROFS") ? EROFS : EIO;
}

enum outcome { passes, is_short, fails };

// Whether an operation is to fail: the outcome, with the error of a failing one. A hanging one has waited when this returns.
static enum outcome examine(const char *operation, const char *path, int *error) {
    const char *slash = strrchr(path, '/');
    const char *name = slash && slash[1] ? slash + 1 : ".";
    enum outcome outcome = passes;
    int hangs = 0;
    pthread_mutex_lock(&lock);
    for (int index = 0; index < fault_count; index++) {
        struct fault *fault = &faults[index];
        if (strcmp(fault->operation, operation) || fnmatch(fault->name, name, 0)) continue;
        if (fault->hit && !strcmp(fault->first, name)) fault->asked++;
        if (outcome != passes || hangs) continue;
        if (fault->skip > 0) {
            fault->skip--;
            continue;
        }
        if (fault->count && fault->hit >= fault->count) continue;
        if (!fault->hit++) snprintf(fault->first, sizeof fault->first, "%s", name);
        if (!strcmp(fault->what, "hang")) hangs = 1;
        else if (!strcmp(fault->what, "short")) outcome = is_short;
        else {
            outcome = fails;
            *error = error_of(fault->what);
        }
    }
    long now = generation;
    while (hangs && generation == now) pthread_cond_wait(&cleared, &lock);
    pthread_mutex_unlock(&lock);
    return outcome;
}

// The error of an operation that is to fail, as FUSE wants it; 0 to go on.
static int failure(const char *operation, const char *path) {
    int error = 0;
    return examine(operation, path, &error) == fails ? -error : 0;
}

static int arm(const char *text, size_t size) {
    char copy[4096];
    if (size >= sizeof copy) return -EINVAL;
    memcpy(copy, text, size);
    copy[size] = 0;
    int result = 0;
    pthread_mutex_lock(&lock);
    for (char *rest = copy, *line; result == 0 && (line = strtok_r(rest, "\n", &rest));) {
        struct fault fault = {0};
        if (!strcmp(line, "clear")) {
            fault_count = 0;
            generation++;
            pthread_cond_broadcast(&cleared);
        } else if (fault_count == FAULTS_MAX
                   || sscanf(line, "%15s %63s %ld %ld %15s", fault.operation, fault.name, &fault.skip, &fault.count,
                             fault.what) != 5) {
            result = -EINVAL;
        } else {
            faults[fault_count++] = fault;
        }
    }
    pthread_mutex_unlock(&lock);
    return result;
}

static int tell(char *buffer, size_t size, off_t offset) {
    char text[4096];
    int length = 0;
    pthread_mutex_lock(&lock);
    for (int index = 0; index < fault_count; index++)
        length += snprintf(text + length, sizeof text - length, "%ld %ld\n", faults[index].hit, faults[index].asked);
    pthread_mutex_unlock(&lock);
    if (offset >= length) return 0;
    if (size > (size_t)(length - offset)) size = length - offset;
    memcpy(buffer, text + offset, size);
    return size;
}

// What was done: 0, or the error.
static int done(int result) { return result < 0 ? -errno : 0; }

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config) {
    if (is_synchronous) connection->want &= ~FUSE_CAP_ASYNC_DIO;
    config->use_ino = 1;
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
    return NULL;
}

static int get_attributes(const char *path, struct stat *status, struct fuse_file_info *file) {
    (void)file;
    if (!strcmp(path, control)) {
        memset(status, 0, sizeof *status);
        status->st_mode = S_IFREG | 0600;
        status->st_nlink = 1;
        return 0;
    }
    return done(fstatat(root, below(path), status, AT_SYMLINK_NOFOLLOW));
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset, struct fuse_file_info *file,
                enum fuse_readdir_flags flags) {
    (void)offset, (void)file, (void)flags;
    int directory = openat(root, below(path), O_RDONLY | O_DIRECTORY);
    if (directory < 0) return -errno;
    DIR *stream = fdopendir(directory);
    for (struct dirent *entry; (entry = readdir(stream));) fill(buffer, entry->d_name, NULL, 0, 0);
    closedir(stream);
    return 0;
}

static int open_file(const char *path, struct fuse_file_info *file) {
    if (!strcmp(path, control)) {
        file->direct_io = 1;
        return 0;
    }
    int error = failure("open", path);
    if (error) return error;
    int opened = openat(root, below(path), file->flags & ~(O_DIRECT | O_EXCL | O_CREAT));
    if (opened < 0) return -errno;
    file->fh = opened;
    return 0;
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *file) {
    int error = failure("create", path);
    if (error) return error;
    int opened = openat(root, below(path), (file->flags & ~O_DIRECT) | O_CREAT, mode);
    if (opened < 0) return -errno;
    file->fh = opened;
    return 0;
}

static int read_file(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *file) {
    if (!strcmp(path, control)) return tell(buffer, size, offset);
    int error = failure("read", path);
    if (error) return error;
    ssize_t count = pread(file->fh, buffer, size, offset);
    return count < 0 ? -errno : (int)count;
}

static int write_file(const char *path, const char *bytes, size_t size, off_t offset, struct fuse_file_info *file) {
    if (!strcmp(path, control)) {
        int result = arm(bytes, size);
        return result ? result : (int)size;
    }
    int error = 0;
    switch (examine("write", path, &error)) {
    case fails: return -error;
    case is_short: size /= 2;
    case passes: break;
    }
    ssize_t count = pwrite(file->fh, bytes, size, offset);
    return count < 0 ? -errno : (int)count;
}

static int sync_file(const char *path, int data_only, struct fuse_file_info *file) {
    (void)data_only;
    int error = failure("sync", path);
    return error ? error : done(fdatasync(file->fh));
}

static int sync_directory(const char *path, int data_only, struct fuse_file_info *file) {
    (void)data_only, (void)file;
    return failure("syncdir", path);
}

static int release_file(const char *path, struct fuse_file_info *file) {
    if (strcmp(path, control)) close(file->fh);
    return 0;
}

static int rename_file(const char *from, const char *to, unsigned flags) {
    int error = failure("rename", to);
    return error ? error : done(renameat2(root, below(from), root, below(to), flags));
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *file) {
    if (!strcmp(path, control)) return 0;
    int error = failure("truncate", path);
    if (error) return error;
    int opened = file ? (int)file->fh : openat(root, below(path), O_WRONLY);
    if (opened < 0) return -errno;
    int result = done(ftruncate(opened, size));
    if (!file) close(opened);
    return result;
}

static int remove_file(const char *path) {
    int error = failure("unlink", path);
    return error ? error : done(unlinkat(root, below(path), 0));
}

static int make_directory(const char *path, mode_t mode) { return done(mkdirat(root, below(path), mode)); }
static int remove_directory(const char *path) { return done(unlinkat(root, below(path), AT_REMOVEDIR)); }

static int change_mode(const char *path, mode_t mode, struct fuse_file_info *file) {
    (void)file;
    return done(fchmodat(root, below(path), mode, 0));
}

static int tell_space(const char *path, struct statvfs *status) {
    (void)path;
    return done(fstatvfs(root, status));
}

int main(int argument_count, char **arguments) {
    is_synchronous = argument_count == 4 && !strcmp(arguments[3], "synchronous");
    if (argument_count != 3 + is_synchronous || (root = open(arguments[1], O_RDONLY | O_DIRECTORY)) < 0) {
        fprintf(stderr, "failing-disk: write failing-disk DIRECTORY MOUNTPOINT [synchronous]\n");
        return 64;
    }
    static const struct fuse_operations operations = {
        .init = begin,
        .getattr = get_attributes,
        .readdir = list,
        .open = open_file,
        .create = create_file,
        .read = read_file,
        .write = write_file,
        .fsync = sync_file,
        .fsyncdir = sync_directory,
        .release = release_file,
        .rename = rename_file,
        .truncate = truncate_file,
        .unlink = remove_file,
        .mkdir = make_directory,
        .rmdir = remove_directory,
        .chmod = change_mode,
        .statfs = tell_space,
    };
    char *words[] = {arguments[0], "-f", "-o", "fsname=failing-disk", arguments[2], NULL};
    return fuse_main(5, words, &operations, NULL);
}
