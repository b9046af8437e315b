/** What nibble's tests use of Criterion, for where Criterion cannot run: its tests are new processes of the
 * same program, which an emulator of another processor cannot start. Here each test is a fork. Header only,
 * `main` included: every object brings the same weak functions.
 *
 *   PROGRAM          all tests; exit status 1 when one fails or none is there
 *   PROGRAM SUITE    those of a suite
 */
#ifndef NIB_TESTS_FORKED_TESTS_H
#define NIB_TESTS_FORKED_TESTS_H

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Not <unistd.h>: tests have a `read` of their own. */
pid_t fork(void);
void _exit(int status);

typedef struct nib_test_options {
    int none;
    void (*init)(void), (*fini)(void);
    double timeout;
} nib_test_options;

typedef struct nib_test {
    const char *suite, *name; /**< name NULL: options of the suite */
    void (*run)(void);
    nib_test_options options;
    struct nib_test *next;
} nib_test;

__attribute__((weak)) nib_test *nib_tests;
__attribute__((weak)) int nib_test_failures; /* of the test at hand */

__attribute__((weak)) void nib_test_add(nib_test *test);
void nib_test_add(nib_test *test)
{
    test->next = nib_tests;
    nib_tests = test;
}

__attribute__((weak, format(printf, 5, 6))) void nib_test_fail(bool fatal, const char *file, int line,
                                                               const char *what, const char *format, ...);
void nib_test_fail(bool fatal, const char *file, int line, const char *what, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("%s:%d: %s: ", file, line, what);
    (void)vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    nib_test_failures++;
    (void)fflush(NULL);
    if (fatal)
        _exit(1);
}

__attribute__((weak)) int nib_test_run(const nib_test *test);
/** @return the exit status of the test, in a process of its own */
int nib_test_run(const nib_test *test)
{
    const nib_test_options *all = NULL;
    for (const nib_test *t = nib_tests; t; t = t->next)
        if (!t->name && strcmp(t->suite, test->suite) == 0)
            all = &t->options;
    void (*init)(void) = test->options.init ? test->options.init : all ? all->init : NULL;
    void (*fini)(void) = test->options.fini ? test->options.fini : all ? all->fini : NULL;
    (void)fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
        if (init)
            init();
        test->run();
        if (fini)
            fini();
        (void)fflush(NULL);
        _exit(nib_test_failures != 0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

__attribute__((weak)) int main(int argc, char **argv);
int main(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    for (const nib_test *test = nib_tests; test; test = test->next) {
        if (!test->name || (argc > 1 && strcmp(test->suite, argv[1]) != 0))
            continue;
        const int status = nib_test_run(test);
        passed += status == 0;
        skipped += status == 77;
        failed += status != 0 && status != 77;
        if (status != 0)
            printf("%s %s::%s (%d)\n", status == 77 ? "SKIPPED" : "FAILED", test->suite, test->name, status);
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed > 0 || passed == 0;
}

#define NIB_TEST_REGISTER(id, suite_text, name_text, function, ...)                                          \
    static nib_test id##_record = {suite_text, name_text, function, {.none = 0, __VA_ARGS__}, NULL};         \
    __attribute__((constructor)) static void id##_register(void)                                             \
    {                                                                                                        \
        nib_test_add(&id##_record);                                                                          \
    }
#define Test(suite, name, ...)                                                                               \
    static void suite##_##name##_run(void);                                                                  \
    NIB_TEST_REGISTER(suite##_##name, #suite, #name, suite##_##name##_run, __VA_ARGS__)                      \
    static void suite##_##name##_run(void)
#define TestSuite(suite, ...)                                                                                \
    NIB_TEST_REGISTER(suite##_suite, #suite, NULL, NULL, __VA_ARGS__)                                        \
    struct nib_test

#define NIB_TEST_CHECK(fatal, good, what, ...)                                                               \
    do {                                                                                                     \
        if (!(good))                                                                                         \
            nib_test_fail(fatal, __FILE__, __LINE__, what, "" __VA_ARGS__);                                  \
    } while (0)

#define cr_assert(c, ...)              NIB_TEST_CHECK(true, c, #c, __VA_ARGS__)
#define cr_expect(c, ...)              NIB_TEST_CHECK(false, c, #c, __VA_ARGS__)
#define cr_expect_not(c, ...)          NIB_TEST_CHECK(false, !(c), #c, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)        NIB_TEST_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)        NIB_TEST_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)       NIB_TEST_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)       NIB_TEST_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)        NIB_TEST_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)        NIB_TEST_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_not_null(a, ...)     NIB_TEST_CHECK(true, (a) != NULL, #a " is NULL", __VA_ARGS__)
#define cr_expect_not_null(a, ...)     NIB_TEST_CHECK(false, (a) != NULL, #a " is NULL", __VA_ARGS__)
#define cr_assert_null(a, ...)         NIB_TEST_CHECK(true, (a) == NULL, #a " is not NULL", __VA_ARGS__)
#define cr_expect_null(a, ...)         NIB_TEST_CHECK(false, (a) == NULL, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)    NIB_TEST_CHECK(true, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)    NIB_TEST_CHECK(false, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)   NIB_TEST_CHECK(false, strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...)    NIB_TEST_CHECK(false, *(a) == '\0', #a " is empty", __VA_ARGS__)
#define cr_assert_arr_eq(a, b, n, ...) NIB_TEST_CHECK(true, memcmp(a, b, n) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, n, ...) NIB_TEST_CHECK(false, memcmp(a, b, n) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...)                                                                     \
    NIB_TEST_CHECK(false, fabs((double)(a) - (double)(b)) <= (double)(e), #a " == " #b, __VA_ARGS__)
#define cr_assert_fail(...) NIB_TEST_CHECK(true, false, "failed", __VA_ARGS__)
#define cr_log_info(...)    (printf(__VA_ARGS__), (void)printf("\n"))
#define cr_skip_test(...)                                                                                    \
    do {                                                                                                     \
        printf("" __VA_ARGS__);                                                                              \
        printf("\n");                                                                                        \
        (void)fflush(NULL);                                                                                  \
        _exit(77);                                                                                           \
    } while (0)

#endif
