"""The models that are exported and compared: what each shows, its layers, its types, how its hardware is built."""

CHAIN = {'layers': [{'dense': {'name': 'fc1', 'units': 24}}, {'relu': {'name': 'relu1'}},
                    {'dense': {'name': 'fc2', 'units': 16}}, {'relu': {'name': 'relu2'}},
                    {'dense': {'name': 'logits', 'units': 'auto'}}], 'outputs': {'y': 'logits'}}
SMALL = {'layers': [{'dense': {'name': 'fc1', 'units': 8}}, {'relu': {'name': 'relu1'}},
                    {'dense': {'name': 'logits', 'units': 'auto'}}], 'outputs': {'y': 'logits'}}
NORM = {'layers': [{'dense': {'name': 'fc1', 'units': 24}}, {'batch_norm': {'name': 'bn1'}}, {'relu': {'name': 'relu1'}},
                   {'dense': {'name': 'fc2', 'units': 16}}, {'batch_norm': {'name': 'bn2'}}, {'relu': {'name': 'relu2'}},
                   {'dense': {'name': 'logits', 'units': 'auto'}}], 'outputs': {'y': 'logits'}}
# A batch norm that no dense layer can take in.
SCALED = {'layers': [{'batch_norm': {'name': 'bn1'}}, {'dense': {'name': 'fc1', 'units': 12}}, {'relu': {'name': 'relu1'}},
                     {'batch_norm': {'name': 'bn2'}}, {'dense': {'name': 'logits', 'units': 'auto'}}],
          'outputs': {'y': 'logits'}}
RESIDUAL = {'layers': [{'dense': {'name': 'fc1', 'units': 16}}, {'relu': {'name': 'relu1'}},
                       {'dense': {'name': 'fc2', 'units': 16}}, {'relu': {'name': 'relu2'}},
                       {'add': {'name': 'sum1', 'from': ['relu1', 'relu2']}},
                       {'dense': {'name': 'side', 'units': 8, 'from': ['x']}},
                       {'concat': {'name': 'joined', 'from': ['sum1', 'side', 'x']}}, {'relu': {'name': 'relu3'}},
                       {'dense': {'name': 'logits', 'units': 'auto'}}], 'outputs': {'y': 'logits'}}
HEADS = {'layers': [{'dense': {'name': 'fc1', 'units': 16}}, {'relu': {'name': 'relu1'}},
                    {'dense': {'name': 'logits', 'units': 'auto', 'from': 'relu1'}},
                    {'dense': {'name': 'fc2', 'units': 8, 'from': 'relu1'}}, {'relu': {'name': 'relu2'}},
                    {'dense': {'name': 'count', 'units': 'auto'}}], 'outputs': {'y': 'logits', 'n': 'count'}}
TABLES = {'layers': [{'dense': {'name': 'fc1', 'units': 16}}, {'tanh': {'name': 'tanh1'}},
                     {'dense': {'name': 'fc2', 'units': 12}}, {'sigmoid': {'name': 'sigmoid1'}},
                     {'dense': {'name': 'logits', 'units': 'auto'}}], 'outputs': {'y': 'logits'}}
LEAKY = {'layers': [{'dense': {'name': 'fc1', 'units': 16}}, {'leaky_relu': {'name': 'leaky1', 'negative_slope': 0.25}},
                    {'dropout': {'name': 'drop1', 'rate': 0.1}}, {'dense': {'name': 'logits', 'units': 'auto'}}],
         'outputs': {'y': 'logits'}}


def types(bits, integer, rounding, overflow, more=2):
    """Weights of `bits` bits, the others of a few more."""
    wide = bits + more
    modes = f'{rounding},{overflow}'
    return {'default': {'input': f'fixed<{wide},4,{modes}>', 'weight': f'fixed<{bits},{integer},{modes}>',
                        'bias': f'fixed<{wide},3,{modes}>', 'activation': f'ufixed<{wide},3,{modes}>',
                        'output': f'fixed<{wide + 2},6,{modes}>'}, 'allow_dead': True}


def data_types(weight, bias='fixed<8,3,RND,SAT>', **more):
    return {'default': {'input': 'fixed<8,4,RND,SAT>', 'weight': weight, 'bias': bias,
                        'activation': 'ufixed<6,3,RND,SAT>', 'output': 'fixed<10,5,RND,SAT>', **more},
            'allow_dead': True}


def channels(of, n, low, high, modes):
    """A type of `of` with bits low..high by channel, one channel removed."""
    bits = [low + (i * 7) % (high - low + 1) for i in range(n)]
    bits[n // 2] = 0
    return {'fixed': {'type': f'{of}fixed<{high},3,{modes}>', 'bits': bits}}


def given(text, **more):
    """One type for everything, accumulators too, as ap_fixed wraps: they do overflow."""
    return {'default': {k: text for k in ('input', 'weight', 'bias', 'result', 'activation', 'output', 'accum')} | more}


def wide_data(**more):
    return {'default': {'input': 'fixed<8,4,RND,SAT>', 'weight': 'fixed<6,1,RND,SAT>', 'bias': 'fixed<8,3,RND,SAT>',
                        'activation': 'fixed<8,4,RND,SAT>', **more}}


PER_CHANNEL = {'default': {'input': 'fixed<8,4,RND,SAT>', 'weight': 'fixed<6,1,RND,SAT>', 'bias': 'fixed<8,3,RND,SAT>',
                           'activation': 'ufixed<6,3,RND,SAT>', 'output': 'fixed<10,5,RND,SAT>'},
               'layers': {'relu1': {'activation': channels('u', 24, 3, 7, 'RND,SAT')},
                          'relu2': {'activation': channels('u', 16, 3, 6, 'RND_CONV,SAT')}}}
PER_INPUT = {'default': PER_CHANNEL['default'],
             'layers': {'x': {'input': channels('', 16, 4, 9, 'RND,SAT')},
                        'relu1': {'activation': channels('u', 24, 2, 6, 'TRN,WRAP')},
                        'logits': {'output': channels('', 5, 7, 11, 'TRN,WRAP')}}}
PRUNE = {'default': {'sparsity': 0.8}}
NEURONS = {'default': {'criterion': {'neuron': {}}, 'sparsity': 0.5}, 'layers': {'logits': {'sparsity': 0}}}
BEST = types(6, 1, 'RND_CONV', 'SAT')

# name: (quick?, model, quant, more). more: prune, hls (--set of export), then (commands between training and export),
# export (more words of the command), old (hls4ml 1.2.0 too), verilog (of verilog.sh), overflows (accumulators must), raw
# (no preprocessing), targets, trace (every layer is compared), route.
MODELS = {
    'bits2': (False, CHAIN, types(2, 1, 'RND_CONV', 'SAT'), {'verilog': True, 'old': True}),
    'bits3_rnd': (False, CHAIN, types(3, 1, 'RND', 'SAT'), {'trace': True}),
    'bits4_rnd_zero_sym': (False, CHAIN, types(4, 1, 'RND_ZERO', 'SAT_SYM'), {}),
    'bits5_inf_sat_zero': (False, CHAIN, types(5, 1, 'RND_INF', 'SAT_ZERO'), {'verilog': True}),
    'bits6': (True, CHAIN, BEST, {'old': True}),
    'bits7_trn_wrap': (True, CHAIN, types(7, 1, 'TRN', 'WRAP'), {'old': True}),
    'bits8_trn_zero': (False, CHAIN, types(8, 1, 'TRN_ZERO', 'SAT'), {}),
    'bits8_sym': (False, CHAIN, types(8, 1, 'RND', 'SAT_SYM'), {'old': True, 'raw': True}),
    'bits12': (False, CHAIN, types(12, 2, 'RND_CONV', 'SAT'), {'raw': True}),
    'bits16': (False, CHAIN, types(16, 2, 'RND', 'SAT'), {'old': True}),
    'binary': (False, CHAIN, data_types('binary(alpha=auto_po2)'), {}),
    'ternary': (False, CHAIN, data_types('ternary(alpha=auto_po2)'), {'old': True}),
    'powers_of_two': (False, CHAIN, data_types('quantized_po2(4,1)'), {}),
    'weights_per_channel': (False, CHAIN, data_types('quantized_bits(4,0,alpha=auto_po2)'), {}),
    'channels': (True, CHAIN, PER_CHANNEL, {'verilog': True, 'old': True}),
    'channels_of_input': (False, CHAIN, PER_INPUT, {'raw': True}),
    'pruned': (False, CHAIN, BEST, {'old': True, 'prune': PRUNE}),
    'stripped': (False, CHAIN, BEST, {'prune': NEURONS, 'then': ['strip']}),
    'norm_folded': (False, NORM, types(6, 1, 'RND_CONV', 'SAT'), {'old': True}),
    'norm_on_grid': (False, SCALED, {**data_types('fixed<8,3,RND,SAT>', result='fixed<10,5,RND,SAT>'),
                                     'layers': {n: {'weight': 'fixed<8,4,RND,SAT>', 'bias': 'fixed<8,4,RND,SAT>'}
                                                for n in ('bn1', 'bn2')}}, {}),
    # A type that is hls4ml's own default, and what it takes for casts to nothing.
    'default_type': (False, SMALL, data_types('fixed<6,1,RND,SAT>', output='fixed<16,6>'), {'raw': True}),
    'residual': (True, RESIDUAL, wide_data(result='fixed<9,5,RND,SAT>', output='fixed<10,5,RND,SAT>'),
                 {'verilog': True, 'old': True}),
    'residual_full_width': (False, RESIDUAL, wide_data(), {'trace': True}),
    'heads': (True, HEADS, data_types('fixed<6,1,RND,SAT>'), {'old': True, 'targets': {'y': 'label', 'n': 'n_constituents'}}),
    'tables': (True, TABLES, {'default': {'input': 'fixed<8,4,RND,SAT>', 'weight': 'fixed<6,1,RND,SAT>',
                                          'bias': 'fixed<8,3,RND,SAT>', 'result': 'fixed<8,4,RND,SAT>',
                                          'activation': 'fixed<8,1,RND,SAT>', 'output': 'fixed<10,5,RND,SAT>'}},
               {'verilog': True, 'old': True}),
    'leaky': (False, LEAKY, wide_data(output='fixed<10,5,RND,SAT>'), {'verilog': True}),
    'dropout_type': (False, LEAKY, {**wide_data(output='fixed<10,5,RND,SAT>'),
                                    'layers': {'drop1': {'result': 'fixed<6,3,RND,SAT>'}}}, {}),
    'vivado': (False, CHAIN, BEST, {'hls': ['hls.backend=Vivado']}),
    'stream': (False, CHAIN, BEST, {'old': True, 'hls': ['hls.io_type=io_stream']}),
    'resource': (False, CHAIN, BEST, {'hls': ['hls.default.strategy=Resource', 'hls.default.reuse_factor=4']}),
    'distributed': (False, SMALL, BEST, {'hls': ['hls.default.strategy=distributed_arithmetic']}),
    'given_accum': (True, CHAIN, given('fixed<10,4>'), {'verilog': True, 'raw': True, 'overflows': True}),
    'given_accum_resource': (False, CHAIN, given('fixed<9,4>'), {
        'overflows': True, 'old': True, 'hls': ['hls.default.strategy=Resource', 'hls.default.reuse_factor=4', 'hls.backend=Vivado']}),
    'given_saturating': (False, CHAIN, given('fixed<9,4>', accum='fixed<9,4,RND,SAT>', result='fixed<8,4,RND,SAT>'), {
        'hls': ['hls.default.strategy=Resource', 'hls.default.reuse_factor=4']}),
    'given_residual': (False, RESIDUAL, given('fixed<10,4>'), {'old': True, 'overflows': True}),
    'explicit': (False, RESIDUAL, wide_data(result='fixed<9,5,RND,SAT>'), {'route': 'explicit', 'trace': True}),
    # Raw numbers in: a type for each feature, weights whose rows have points of their own.
    'folded': (False, CHAIN, data_types('fixed<6,1,RND_CONV,SAT>'), {'export': ['--fold-preprocessing'], 'old': True}),
    'folded_norm': (False, NORM, data_types('fixed<8,1,RND_CONV,SAT>'), {'export': ['--fold-preprocessing'], 'trace': True}),
    'softmax': (False, CHAIN, data_types('fixed<6,1,RND_CONV,SAT>'), {'export': ['--softmax'], 'old': True}),
    'softmax_narrow': (False, HEADS, data_types('fixed<6,1,RND_CONV,SAT>', output='fixed<7,4,RND,SAT>'),
                       {'export': ['--softmax'], 'targets': {'y': 'label', 'n': 'n_constituents'}}),
    'ptq': (False, CHAIN, None, {'overflows': True, 'then': ['quantize', 'fixed<12,5>', '--like', 'hls4ml']}),
}
