/* Runs a fuzz target over every file of the folders named on the command line: the corpora are tests too. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return -1;
    (void)fseek(file, 0, SEEK_END);
    long bytes = ftell(file);
    rewind(file);
    uint8_t *data = bytes < 0 ? NULL : malloc((size_t)bytes + 1);
    int ok = data && fread(data, 1, (size_t)bytes, file) == (size_t)bytes;
    (void)fclose(file);
    if (ok)
        (void)LLVMFuzzerTestOneInput(data, (size_t)bytes);
    free(data);
    return ok ? 0 : -1;
}

int main(int argc, char **argv)
{
    int files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            fprintf(stderr, "cannot open the corpus %s\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            if (entry->d_name[0] == '.')
                continue;
            (void)snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (run_file(path) != 0) {
                fprintf(stderr, "cannot read %s\n", path);
                return 1;
            }
            files++;
        }
        (void)closedir(folder);
    }
    printf("replayed %d inputs\n", files);
    return files ? 0 : 1;
}
