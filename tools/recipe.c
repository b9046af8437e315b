#include "tools/recipe.h"

#include <stdio.h>
#include <string.h>

const nib_recipe *nib_recipe_find(const char *name)
{
    for (int i = 0; i < nib_recipes_count; i++)
        if (strcmp(nib_recipes[i].name, name) == 0)
            return &nib_recipes[i];
    return NULL;
}

void nib_recipe_help(const nib_recipe *recipe, char *text, size_t size)
{
    const char *line = recipe->text + strspn(recipe->text, "# ");
    (void)snprintf(text, size, "%.*s", (int)strcspn(line, "\n"), line);
}
