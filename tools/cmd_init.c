/* nibble init: a commented config to start from. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/file.h"
#include "core/names.h"
#include "tools/command.h"
#include "tools/recipe.h"

typedef struct options {
    const char *recipe;
} options;

static const nib_arg args[] = {
    {"recipe", 'r', NIB_ARG_TEXT, offsetof(options, recipe), 0, 0, "R",
     "start from this recipe (jets); nibble list recipes"},
};

enum { MAX_RECIPES = 64 };

static nib_status find_recipe(const char *name, const nib_recipe **recipe, nib_error *err)
{
    const char *names[MAX_RECIPES];
    int n = nib_recipes_count < MAX_RECIPES ? nib_recipes_count : MAX_RECIPES;
    if ((*recipe = nib_recipe_find(name)))
        return NIB_OK;
    for (int i = 0; i < n; i++)
        names[i] = nib_recipes[i].name;
    const char *nearest = nib_names_nearest(name, names, (size_t)n);
    if (nearest)
        return nib_fail(err, NIB_ERR_USAGE, "nibble init: there is no recipe '%s' (did you mean '%s'?)", name,
                        nearest);
    return nib_fail(err, NIB_ERR_USAGE, "nibble init: there is no recipe '%s' (nibble list recipes)", name);
}

/* The recipe with `name` for every @NAME@. */
static char *fill_in(nib_arena *arena, const nib_recipe *recipe, const char *name)
{
    static const char mark[] = "@NAME@";
    size_t marks = 0;
    for (const char *p = recipe->text; (p = strstr(p, mark)); p += sizeof mark - 1)
        marks++;
    char *text = nib_arena_alloc(arena, recipe->bytes + marks * strlen(name) + 1, 1), *to = text;
    const char *from = recipe->text;
    for (const char *p; text && (p = strstr(from, mark)); from = p + sizeof mark - 1) {
        to = (char *)memcpy(to, from, (size_t)(p - from)) + (p - from);
        to = (char *)memcpy(to, name, strlen(name)) + strlen(name);
    }
    if (text)
        memcpy(to, from, strlen(from) + 1);
    return text;
}

/* A new file or none: never an existing one, never half of one. */
static nib_status write_new(const char *path, const char *text, nib_error *err)
{
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0 && errno == EEXIST)
        return nib_fail(err, NIB_ERR_USAGE, "%s is there already; nothing was written", path);
    if (file < 0)
        return nib_fail(err, NIB_ERR_USAGE, "%s cannot be written: %s", path, strerror(errno));
    size_t bytes = strlen(text);
    bool written = write(file, text, bytes) == (ssize_t)bytes && fsync(file) == 0;
    int problem = errno;
    if (close(file) == 0 && written)
        return NIB_OK;
    (void)unlink(path);
    return nib_fail(err, NIB_ERR_IO, "%s cannot be written: %s", path, strerror(problem));
}

static nib_status write_recipe(nib_arena *arena, const nib_recipe *recipe, const char *name, nib_error *err)
{
    size_t bytes = strlen(name);
    if (bytes > 5 && strcmp(name + bytes - 5, ".yaml") == 0)
        bytes -= 5;
    char *stem = nib_arena_strndup(arena, name, bytes);
    char *path = nib_arena_printf(arena, "%.*s.yaml", (int)bytes, name);
    char *text = stem && path ? fill_in(arena, recipe, stem) : NULL;
    if (!text)
        return nib_fail_memory(err, "a recipe");
    if (!*nib_path_base(stem))
        return nib_fail(err, NIB_ERR_USAGE, "nibble init: '%s' is no name of a file", name);
    NIB_TRY(write_new(path, text, err));
    const bool sweep = strncmp(recipe->text, "base:", 5) == 0 || strstr(recipe->text, "\nbase:");
    printf("wrote %s (recipe %s)\nnext: nibble %s %s\n", path, recipe->name, sweep ? "sweep" : "train", path);
    return NIB_OK;
}

static nib_status run(const nib_invocation *call, nib_error *err)
{
    const options *o = call->options;
    const nib_recipe *recipe;
    NIB_TRY(find_recipe(o->recipe ? o->recipe : "jets", &recipe, err));
    nib_arena *arena = nib_arena_create();
    if (!arena)
        return nib_fail_memory(err, "a recipe");
    nib_status status = write_recipe(arena, recipe, call->argument[0], err);
    nib_arena_destroy(arena);
    return status;
}

const nib_command nib_command_init = {
    .name = "init",
    .arguments = "NAME",
    .help = "write a commented config NAME.yaml to start from; never overwrites",
    .min_arguments = 1,
    .max_arguments = 1,
    NIB_ARG_TABLE(args),
    .option_bytes = sizeof(options),
    .run = run,
};
