#include "tests/tools/call.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/command.h"

enum { MAX_WORDS = 16 };

static char folder[256]; /* the files are in its folder "work", the streams beside that */

void enter_scratch(void)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%.200s/nibble-test-XXXXXX", tmp ? tmp : "/tmp");
    cr_assert(mkdtemp(folder) && chdir(folder) == 0 && mkdir("work", 0777) == 0 && chdir("work") == 0,
              "a scratch folder");
    (void)strcat(folder, "/work");
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info, (void)type, (void)at;
    return remove(path);
}

void leave_scratch(void)
{
    cr_assert_eq(chdir("/"), 0, "out of the scratch folder");
    folder[strlen(folder) - strlen("/work")] = '\0';
    cr_assert_eq(nftw(folder, remove_one, 16, FTW_PHYS | FTW_DEPTH), 0, "the scratch folder is removed");
}

static void read_back(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s can be read", path);
    text[fread(text, 1, size - 1, file)] = '\0';
    (void)fclose(file);
}

/* Every mention of the scratch folder becomes "@". */
static void hide_folder(char *text)
{
    size_t bytes = strlen(folder);
    for (char *p = text; (p = strstr(p, folder));) {
        *p = '@';
        memmove(p + 1, p + bytes, strlen(p + bytes) + 1);
    }
}

/* Run `nibble WORDS` (~ stands for a blank within a word) with both streams in files. */
void call_nibble(const char *words, outcome *o)
{
    char copy[512];
    const char *argv[MAX_WORDS] = {"nibble"};
    int argc = 1;
    (void)snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word && argc < MAX_WORDS; word = strtok(NULL, " ")) {
        for (char *c = word; *c; c++)
            *c = *c == '~' ? ' ' : *c;
        argv[argc++] = word;
    }
    (void)fflush(NULL);
    int keep[2] = {dup(1), dup(2)}, to[2] = {open("../out", O_CREAT | O_TRUNC | O_WRONLY, 0600),
                                             open("../err", O_CREAT | O_TRUNC | O_WRONLY, 0600)};
    cr_assert(dup2(to[0], 1) == 1 && dup2(to[1], 2) == 2, "streams");
    o->status = nib_main(argc, argv);
    (void)fflush(NULL);
    for (int i = 0; i < 2; i++) {
        (void)dup2(keep[i], i + 1);
        (void)close(keep[i]);
        (void)close(to[i]);
    }
    read_back("../out", o->out, sizeof o->out);
    read_back("../err", o->err, sizeof o->err);
    hide_folder(o->err);
}
