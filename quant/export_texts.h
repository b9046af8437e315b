/** Files that exports carry as they are, built into the library (quant/embed_texts.cmake). */
#ifndef NIB_QUANT_EXPORT_TEXTS_H
#define NIB_QUANT_EXPORT_TEXTS_H

extern const char nib_export_convert_py[];     /**< quant/export_convert.py */
extern const char nib_export_check_qonnx_py[]; /**< quant/export_check_qonnx.py */

#endif
