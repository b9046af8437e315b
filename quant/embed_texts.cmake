# Writes OUT, a C file with every file of TEXTS (a list NAME=PATH) as const char NAME[], NUL-terminated:
# cmake "-DTEXTS=a=b.py;c=d.py" -DOUT=FILE -P embed_texts.cmake
set(arrays "")
foreach(text ${TEXTS})
  string(REGEX REPLACE "=.*" "" name "${text}")
  string(REGEX REPLACE "^[^=]*=" "" path "${text}")
  file(READ ${path} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  string(APPEND arrays "const char ${name}[] = {${bytes}0};\n")
endforeach()
file(WRITE ${OUT} "/* Made by quant/embed_texts.cmake. */\n#include \"quant/export_texts.h\"\n\n${arrays}")
