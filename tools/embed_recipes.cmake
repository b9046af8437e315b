# Writes OUT, a C file with every RECIPES/*.yaml as bytes: cmake -DRECIPES=DIR -DOUT=FILE -P embed_recipes.cmake
file(GLOB files ${RECIPES}/*.yaml)
list(SORT files)
set(arrays "")
set(rows "")
foreach(file ${files})
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "static const char ${name}[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", ${name}, sizeof ${name} - 1},\n")
endforeach()
file(WRITE ${OUT} "/* Made from tools/recipes by tools/embed_recipes.cmake. */\n#include \"tools/recipe.h\"\n\n${arrays}
const nib_recipe nib_recipes[] = {\n${rows}};\nconst int nib_recipes_count = (int)(sizeof nib_recipes / sizeof nib_recipes[0]);\n")
