/* Records the system calls that change files below a directory, and delays or fails some of them.
 *
 * Loaded with LD_PRELOAD. FAULTS_BELOW is the directory, FAULTS_RECORD the file that every change is appended
 * to, FAULTS_CONTROL a file of CONTROL_SIZE zero bytes, mapped by every process of the server and by the test:
 * the rules in it may be changed while the server runs. `faults.py` builds this file and knows the same layouts.
 *
 * A change is recorded in the moment in which it is made (one lock for both), an fsync at its beginning and
 * at its end: it covers what was recorded before its beginning, and counts once its end is recorded. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define RULES 8
#define CONTROL_SIZE 8192
#define FDS 65536

enum { OPEN = 1, WRITE = 2, SYNC = 4, RENAME = 8, LINK = 16, UNLINK = 32, MKDIR = 64, TRUNCATE = 128 };
enum { E_CREATE = 1, E_MKDIR, E_WRITE, E_TRUNCATE, E_SYNC_BEGIN, E_SYNC_END, E_RENAME, E_LINK, E_UNLINK, E_RMDIR };

struct rule {
    uint32_t calls;   /* the kinds of calls, of the enum above; 0: the rule is off */
    int32_t error;    /* errno to fail with; 0: only delay */
    uint32_t skip;    /* that many calls pass first */
    uint32_t count;   /* that many calls are hit */
    uint32_t permille;/* of the calls that could be hit */
    uint32_t delay;   /* milliseconds before the call */
    uint64_t hits;    /* how often it has been hit */
    char match[224];  /* must occur in the path; empty: any */
};

struct control {
    pthread_mutex_t lock;
    char pad[128 - sizeof(pthread_mutex_t)];
    uint64_t ready, position, random, syncs;
    struct rule rules[RULES];
};

struct head {
    uint32_t kind, first, second, data; /* lengths in bytes of the two paths and of the data */
    uint64_t inode, offset;
};

static struct control *control;
static char *below;
static size_t below_length;
static int record = -1;
static char *names[FDS]; /* the paths of open files below the directory */

static void lock(void) {
    if (pthread_mutex_lock(&control->lock) == EOWNERDEAD) pthread_mutex_consistent(&control->lock);
}

static void unlock(void) { pthread_mutex_unlock(&control->lock); }

/* Also for a fork whose environment was another one when the library was loaded: once for a process. */
__attribute__((constructor)) void faults_begin(void) {
    char *directory = getenv("FAULTS_BELOW"), *log = getenv("FAULTS_RECORD"), *shared = getenv("FAULTS_CONTROL");
    if (!directory || !log || !shared) return;
    int fd = syscall(SYS_openat, AT_FDCWD, shared, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *map = mmap(NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (map == MAP_FAILED) return;
    fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    record = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, fd);
    struct control *found = map;
    if (!__sync_val_compare_and_swap(&found->ready, 0, 1)) {
        pthread_mutexattr_t attributes;
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        pthread_mutex_init(&found->lock, &attributes);
        __sync_synchronize();
        found->ready = 2;
    }
    while (*(volatile uint64_t *)&found->ready != 2) usleep(1000);
    below = strdup(directory);
    below_length = strlen(below);
    control = found;
}

/* -- paths */
static int is_below(const char *path) {
    return control && !strncmp(path, below, below_length) && (path[below_length] == '/' || !path[below_length]);
}

/* The absolute path of what a call names; whether it is below the directory. */
static int absolute(int directory, const char *path, char *out) {
    if (!control) return 0;
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return is_below(out);
    }
    char link[64], base[PATH_MAX];
    if (directory == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", directory);
    ssize_t length = readlink(link, base, sizeof base - 1);
    if (length < 0) return 0;
    base[length] = 0;
    if (strlen(base) + strlen(path) + 2 > PATH_MAX) return 0;
    strcpy(out, base);
    strcat(out, "/");
    strcat(out, path);
    return is_below(out);
}

static const char *name_of(int fd) { return control && fd >= 0 && fd < FDS ? names[fd] : NULL; }

static void remember(int fd, const char *path) {
    if (fd < 0 || fd >= FDS) return;
    char *old = names[fd];
    names[fd] = path ? strdup(path) : NULL;
    free(old);
}

/* -- rules: 0, or -1 with errno set */
static int meet(uint32_t call, const char *path) {
    for (int i = 0; i < RULES; i++) {
        struct rule *rule = &control->rules[i];
        if (!(rule->calls & call) || (rule->match[0] && !strstr(path, rule->match))) continue;
        lock();
        int hit = 0;
        uint32_t delay = rule->delay;
        int32_t error = rule->error;
        if (rule->skip) rule->skip--;
        else if (rule->count) {
            control->random = control->random * 6364136223846793005ULL + 1442695040888963407ULL;
            if ((control->random >> 33) % 1000 < rule->permille) {
                rule->count--;
                rule->hits++;
                hit = 1;
            }
        }
        unlock();
        if (!hit) continue;
        if (delay) {
            struct timespec rest = {delay / 1000, (long)(delay % 1000) * 1000000L};
            nanosleep(&rest, NULL);
        }
        if (error) {
            errno = error;
            return -1;
        }
    }
    return 0;
}

/* -- the record; the lock is held */
static void note(uint32_t kind, uint64_t inode, uint64_t offset, const char *first, const char *second,
                 const void *data, size_t length) {
    if (!first) first = "";
    if (!second) second = "";
    struct head head = {kind, strlen(first), strlen(second), length, inode, offset};
    struct iovec parts[] = {
        {&head, sizeof head}, {(void *)first, head.first}, {(void *)second, head.second}, {(void *)data, length}};
    int saved = errno;
    ssize_t written = syscall(SYS_writev, record, parts, 4);
    if (written > 0) control->position += written;
    errno = saved;
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) ? 0 : found.st_ino;
}

static uint64_t inode_at(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

/* -- opening */
static int opened(int directory, const char *path, int flags, mode_t mode) {
    char full[PATH_MAX];
    if (!absolute(directory, path, full) || (flags & O_PATH)) {
        int fd = syscall(SYS_openat, directory, path, flags, mode);
        if (control) remember(fd, NULL);
        return fd;
    }
    if (meet(OPEN, full)) return -1;
    int changes = flags & (O_CREAT | O_TRUNC), saved = errno;
    if (changes) lock();
    int existed = changes ? inode_at(full) != 0 : 1;
    errno = saved;
    int fd = syscall(SYS_openat, directory, path, flags, mode);
    if (fd >= 0 && changes) {
        if (!existed) note(E_CREATE, inode_of(fd), 0, full, NULL, NULL, 0);
        else if (flags & O_TRUNC) note(E_TRUNCATE, inode_of(fd), 0, NULL, NULL, NULL, 0);
    }
    if (changes) unlock();
    remember(fd, full);
    return fd;
}

#define OPENING(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return opened(AT_FDCWD, path, flags, mode); \
    }
#define OPENING_AT(name) \
    int name(int directory, const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest); \
        return opened(directory, path, flags, mode); \
    }
OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }

int close(int fd) {
    if (name_of(fd)) remember(fd, NULL);
    return syscall(SYS_close, fd);
}

/* -- writing */
static ssize_t put(int fd, const void *data, size_t length, int64_t at) {
    const char *name = name_of(fd);
    if (!name) return at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
    if (meet(WRITE, name)) return -1;
    lock();
    int64_t offset = at;
    if (at < 0) {
        struct stat found;
        int append = fcntl(fd, F_GETFL) & O_APPEND;
        offset = append && !fstat(fd, &found) ? found.st_size : lseek(fd, 0, SEEK_CUR);
    }
    ssize_t done = at < 0 ? syscall(SYS_write, fd, data, length) : syscall(SYS_pwrite64, fd, data, length, at);
    if (done > 0) note(E_WRITE, inode_of(fd), offset, NULL, NULL, data, done);
    unlock();
    return done;
}

ssize_t write(int fd, const void *data, size_t length) { return put(fd, data, length, -1); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return put(fd, data, length, at); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) { return put(fd, data, length, at); }

static ssize_t gathered(int fd, const struct iovec *parts, int count, int64_t at) {
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        ssize_t done = put(fd, parts[i].iov_base, parts[i].iov_len, at < 0 ? -1 : at + total);
        if (done < 0) return total ? total : -1;
        total += done;
        if ((size_t)done < parts[i].iov_len) break;
    }
    return total;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return name_of(fd) ? gathered(fd, parts, count, -1) : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    return name_of(fd) ? gathered(fd, parts, count, at) : syscall(SYS_pwritev, fd, parts, count, at, 0);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) { return pwritev(fd, parts, count, at); }

/* The kernel would copy past this record: callers fall back to reading and writing. */
ssize_t sendfile(int out, int in, off_t *at, size_t count) {
    if (name_of(out)) {
        errno = ENOTSOCK;
        return -1;
    }
    return syscall(SYS_sendfile, out, in, at, count);
}
ssize_t sendfile64(int out, int in, off64_t *at, size_t count) { return sendfile(out, in, at, count); }

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    if (name_of(out)) {
        errno = ENOSYS;
        return -1;
    }
    return syscall(SYS_copy_file_range, in, from, out, to, count, flags);
}

int ftruncate(int fd, off_t length) {
    const char *name = name_of(fd);
    if (!name) return syscall(SYS_ftruncate, fd, length);
    if (meet(TRUNCATE, name)) return -1;
    lock();
    int failed = syscall(SYS_ftruncate, fd, length);
    if (!failed) note(E_TRUNCATE, inode_of(fd), length, NULL, NULL, NULL, 0);
    unlock();
    return failed;
}
int ftruncate64(int fd, off64_t length) { return ftruncate(fd, length); }

/* -- fsync */
static int synced(int fd, long call) {
    const char *name = name_of(fd);
    if (!name) return syscall(call, fd);
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", name);
    uint64_t inode = inode_of(fd);
    lock();
    note(E_SYNC_BEGIN, inode, 0, NULL, NULL, NULL, 0);
    uint64_t began = control->position;
    control->syncs++;
    unlock();
    if (meet(SYNC, path)) return -1;
    lock();
    note(E_SYNC_END, inode, began, NULL, NULL, NULL, 0);
    unlock();
    return 0; /* the disk below the tests is no part of them */
}
int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* -- names */
static int named(uint32_t call, uint32_t kind, int from, const char *old, int to, const char *new, long number,
                 unsigned flags) {
    char first[PATH_MAX], second[PATH_MAX];
    int known = absolute(from, old, first) | absolute(to, new, second);
    if (known && meet(call, second)) return -1;
    if (known) lock();
    int failed = syscall(number, from, old, to, new, flags);
    if (known && !failed) note(kind, inode_at(second), 0, first, second, NULL, 0);
    if (known) unlock();
    return failed;
}

int rename(const char *old, const char *new) {
    return named(RENAME, E_RENAME, AT_FDCWD, old, AT_FDCWD, new, SYS_renameat2, 0);
}
int renameat(int from, const char *old, int to, const char *new) {
    return named(RENAME, E_RENAME, from, old, to, new, SYS_renameat2, 0);
}
int renameat2(int from, const char *old, int to, const char *new, unsigned flags) {
    return named(RENAME, E_RENAME, from, old, to, new, SYS_renameat2, flags);
}
int link(const char *old, const char *new) {
    return named(LINK, E_LINK, AT_FDCWD, old, AT_FDCWD, new, SYS_linkat, 0);
}
int linkat(int from, const char *old, int to, const char *new, int flags) {
    return named(LINK, E_LINK, from, old, to, new, SYS_linkat, flags);
}

static int removed(int directory, const char *path, int flags) {
    char full[PATH_MAX];
    if (!absolute(directory, path, full)) return syscall(SYS_unlinkat, directory, path, flags);
    if (meet(UNLINK, full)) return -1;
    lock();
    int failed = syscall(SYS_unlinkat, directory, path, flags);
    if (!failed) note(flags & AT_REMOVEDIR ? E_RMDIR : E_UNLINK, 0, 0, full, NULL, NULL, 0);
    unlock();
    return failed;
}
int unlink(const char *path) { return removed(AT_FDCWD, path, 0); }
int unlinkat(int directory, const char *path, int flags) { return removed(directory, path, flags); }
int rmdir(const char *path) { return removed(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int failed = removed(AT_FDCWD, path, 0);
    return failed && errno == EISDIR ? removed(AT_FDCWD, path, AT_REMOVEDIR) : failed;
}

static int made(int directory, const char *path, mode_t mode) {
    char full[PATH_MAX];
    if (!absolute(directory, path, full)) return syscall(SYS_mkdirat, directory, path, mode);
    if (meet(MKDIR, full)) return -1;
    lock();
    int failed = syscall(SYS_mkdirat, directory, path, mode);
    if (!failed) note(E_MKDIR, inode_at(full), 0, full, NULL, NULL, 0);
    unlock();
    return failed;
}
int mkdir(const char *path, mode_t mode) { return made(AT_FDCWD, path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) { return made(directory, path, mode); }
