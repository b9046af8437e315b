#include "tools/figure.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/file.h"

struct nib_figure {
    nib_arena *arena;
    char *path, *folder, *script_path, *data_path;
    FILE *script, *data;
    int sets;
};

static const char *suffix_of(const char *path)
{
    const char *dot = strrchr(nib_path_base(path), '.');
    return dot ? dot + 1 : "";
}

/* One look for all figures: thin grey axes, colours that people who see red and green alike can tell apart.
 */
static void write_head(nib_figure *f, int width, int height)
{
    const char *suffix = suffix_of(f->path), *name = nib_path_base(f->path),
               *data = nib_path_base(f->data_path);
    static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                          "#E69F00", "#56B4E9", "#000000", "#999999"};
    FILE *s = f->script;
    fprintf(s, "# draw it again, in this folder: gnuplot %s\n", nib_path_base(f->script_path));
    if (strcmp(suffix, "svg") == 0)
        fprintf(s, "set terminal svg size %d,%d dynamic enhanced font 'DejaVu Sans,12' background 'white'\n",
                width, height);
    else if (strcmp(suffix, "png") == 0)
        fprintf(s, "set terminal pngcairo size %d,%d enhanced font 'DejaVu Sans,11' background 'white'\n",
                width, height);
    else
        fprintf(s, "set terminal pdfcairo size %.2fin,%.2fin enhanced font 'DejaVu Sans,11'\n", width / 96.0,
                height / 96.0);
    fprintf(s, "set output '%s'\nDATA = '%s'\n", name, data);
    for (size_t i = 0; i < sizeof colours / sizeof colours[0]; i++)
        fprintf(s, "set linetype %zu lc rgb '%s' lw 1.8 pt %zu ps 0.7\n", i + 1, colours[i],
                i % 2 ? 5 + i : 7 + 2 * (i / 2));
    fprintf(s, "set border 3 lc rgb '#555555'\nset tics nomirror out scale 0.6\n"
               "set grid lc rgb '#dddddd' lt 1 lw 0.6\nset key outside right top samplen 2 spacing 1.2\n\n");
}

static nib_status open_files(nib_figure *f, const char *path, nib_error *err)
{
    const size_t stem = strlen(path) - strlen(suffix_of(path)) - 1;
    f->path = nib_arena_strdup(f->arena, path);
    f->folder = nib_path_folder(f->arena, path);
    f->script_path = nib_arena_printf(f->arena, "%.*s.gp", (int)stem, path);
    f->data_path = nib_arena_printf(f->arena, "%.*s.dat", (int)stem, path);
    if (!f->path || !f->folder || !f->script_path || !f->data_path)
        return nib_fail_memory(err, "figure");
    NIB_TRY(nib_file_make_folders(f->folder, err));
    if (!(f->script = fopen(f->script_path, "w")) || !(f->data = fopen(f->data_path, "w")))
        return nib_fail(err, NIB_ERR_IO, "%s: cannot be written: %s",
                        f->script ? f->data_path : f->script_path, strerror(errno));
    return NIB_OK;
}

nib_status nib_figure_create(const char *path, int width, int height, nib_figure **figure, nib_error *err)
{
    static const char *const known[] = {"svg", "png", "pdf"};
    bool fits = false;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        fits = fits || strcmp(suffix_of(path), known[i]) == 0;
    if (!fits)
        return nib_fail(err, NIB_ERR_USAGE, "%s: a figure's name ends in .svg, .png or .pdf", path);
    nib_arena *arena = nib_arena_create();
    nib_figure *f = arena ? NIB_NEW(arena, nib_figure, 1) : NULL;
    if (!f) {
        nib_arena_destroy(arena);
        return nib_fail_memory(err, "figure");
    }
    f->arena = arena;
    nib_status status = open_files(f, path, err);
    if (status != NIB_OK) {
        nib_figure_abandon(f);
        return status;
    }
    write_head(f, width, height);
    *figure = f;
    return NIB_OK;
}

FILE *nib_figure_script(nib_figure *figure)
{
    return figure->script;
}

FILE *nib_figure_data(nib_figure *figure)
{
    return figure->data;
}

int nib_figure_next(nib_figure *figure)
{
    fputs("\n\n", figure->data);
    return ++figure->sets;
}

static nib_status close_file(FILE **file, const char *path, nib_error *err)
{
    const bool bad = ferror(*file) != 0;
    const int closed = fclose(*file), reason = errno;
    *file = NULL;
    return bad || closed != 0 ? nib_fail(err, NIB_ERR_IO, "%s: writing failed: %s", path, strerror(reason))
                              : NIB_OK;
}

/* gnuplot in the figure's folder; what it says comes back through a pipe. */
static int spawn(const nib_figure *f, int output, pid_t *pid)
{
    static char name[] = "gnuplot";
    posix_spawn_file_actions_t actions;
    char *script = strdup(nib_path_base(f->script_path));
    char *argv[] = {name, script, NULL};
    int reason = script ? posix_spawn_file_actions_init(&actions) : ENOMEM;
    if (!reason) {
        reason = posix_spawn_file_actions_addchdir_np(&actions, f->folder);
        if (!reason)
            reason = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!reason)
            reason = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (!reason)
            reason = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
        if (!reason)
            reason = posix_spawnp(pid, name, &actions, NULL, argv, environ);
        (void)posix_spawn_file_actions_destroy(&actions);
    }
    free(script);
    return reason;
}

/* All that comes, in one line. */
static void read_message(int input, char *text, size_t bytes)
{
    size_t used = 0;
    char part[256];
    ssize_t n = 0;
    while ((n = read(input, part, sizeof part)) > 0 || (n < 0 && errno == EINTR))
        for (ssize_t i = 0; i < n && used + 1 < bytes; i++)
            if (part[i] != '\n' || (used > 0 && text[used - 1] != ' '))
                text[used++] = part[i] == '\n' ? ' ' : part[i];
    text[used] = '\0';
}

static nib_status draw(const nib_figure *f, nib_error *err)
{
    int ends[2], status = 0;
    pid_t pid = 0;
    char text[600];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s: no pipe: %s", f->path, strerror(errno));
    const int reason = spawn(f, ends[1], &pid);
    (void)close(ends[1]);
    if (reason) {
        (void)close(ends[0]);
        return nib_fail(
            err, NIB_ERR_SYSTEM,
            "%s: gnuplot cannot be started (%s); Debian has it in gnuplot-nox. %s and its data are there",
            f->path, strerror(reason), f->script_path);
    }
    read_message(ends[0], text, sizeof text);
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s: there is no gnuplot; Debian has it in gnuplot-nox",
                        f->path);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return nib_fail(err, NIB_ERR_SYSTEM, "%s: gnuplot refuses %s: %s", f->path, f->script_path, text);
    return NIB_OK;
}

nib_status nib_figure_draw(nib_figure *f, nib_error *err)
{
    nib_status status = close_file(&f->script, f->script_path, err);
    nib_status data = close_file(&f->data, f->data_path, status == NIB_OK ? err : NULL);
    if (status == NIB_OK)
        status = data;
    if (status == NIB_OK)
        status = draw(f, err);
    nib_figure_abandon(f);
    return status;
}

void nib_figure_abandon(nib_figure *f)
{
    if (!f)
        return;
    if (f->script)
        (void)fclose(f->script);
    if (f->data)
        (void)fclose(f->data);
    nib_arena_destroy(f->arena);
}

const char *nib_figure_quote(const char *text, char *out, size_t bytes)
{
    size_t used = 0;
    for (; *text; text++) {
        /* The script's string eats one backslash, enhanced text the other. */
        const char *mark = strchr("_^{}@&~", *text) ? "\\\\" : strchr("\"\\", *text) ? "\\" : "";
        const size_t n = strlen(mark);
        if (used + n + 2 > bytes)
            break;
        memcpy(out + used, mark, n);
        used += n;
        out[used++] = *text;
    }
    out[used] = '\0';
    return out;
}
