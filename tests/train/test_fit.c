#include <criterion/criterion.h>
#include <string.h>

#include "tests/train/toy.h"

static const char mlp[] = "{mlp: {hidden: [16, 16]}}";

Test(fit, learns_what_a_line_cannot)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(&t, mlp, "{epochs: 30, batch: 32, optimizer: {adam: {lr: 0.01}}, monitor: val_accuracy}", 1000,
               2);
    nib_status status = toy_fit(&t, &result, &err);
    cr_assert(status == NIB_OK, "%s", err.message);
    cr_expect(result.best_monitored > 0.97, "validation accuracy %g after 30 epochs", result.best_monitored);
    toy_destroy(&t);
}

Test(fit, a_linear_model_cannot)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(&t, "{layers: [dense: {name: logits, units: auto}], outputs: {y: logits}}",
               "{epochs: 10, batch: 32, optimizer: {adam: {lr: 0.01}}, monitor: val_accuracy}", 1000, 1);
    cr_assert(toy_fit(&t, &result, &err) == NIB_OK, "%s", err.message);
    cr_expect(result.best_monitored < 0.7, "a line separated exclusive or: %g", result.best_monitored);
    toy_destroy(&t);
}

Test(fit, threads_do_not_change_a_bit)
{
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    const char *model = "{mlp: {hidden: [24, 8], batch_norm: true, dropout: 0.1}}";
    toy one, other;
    toy_create(&one, model, "{epochs: 3, batch: 300}", 1000, 1);
    cr_assert(toy_fit(&one, &result, &err) == NIB_OK, "%s", err.message);
    for (int threads = 2; threads <= 3; threads++) {
        toy_create(&other, model, "{epochs: 3, batch: 300}", 1000, threads);
        cr_assert(toy_fit(&other, &result, &err) == NIB_OK, "%s", err.message);
        size_t bytes = (size_t)one.model->params->size * sizeof(float);
        cr_expect(memcmp(one.model->params->value, other.model->params->value, bytes) == 0,
                  "weights differ between 1 and %d threads", threads);
        toy_destroy(&other);
    }
    toy_destroy(&one);
}

Test(fit, best_epoch_is_restored)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    /* So large a rate that later epochs are worse than the best one. */
    toy_create(&t, mlp, "{epochs: 25, batch: 16, optimizer: {sgd: {lr: 2}}, early_stopping: {patience: 4}}",
               400, 1);
    cr_assert(toy_fit(&t, &result, &err) == NIB_OK, "%s", err.message);
    nib_evaluator *e;
    const nib_score *scores;
    cr_assert(nib_evaluator_create(&e, t.model, &t.data.validation, true, t.team, &err) == NIB_OK, "%s",
              err.message);
    cr_assert(nib_evaluator_run(e, &err) == NIB_OK, "%s", err.message);
    (void)nib_evaluator_scores(e, &scores);
    cr_expect(scores[0].value == result.best_monitored,
              "loss %.17g of the restored weights, %.17g was the best", scores[0].value,
              result.best_monitored);
    cr_expect(result.best_epoch <= result.epochs && result.best_epoch >= 1, "best epoch %lld of %lld",
              (long long)result.best_epoch, (long long)result.epochs);
    cr_expect(!result.stopped_early || result.epochs == result.best_epoch + 4,
              "stopped at epoch %lld, best %lld", (long long)result.epochs, (long long)result.best_epoch);
    nib_evaluator_destroy(e);
    toy_destroy(&t);
}

Test(fit, divergence_names_layer_epoch_and_step)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    /* The first layer's outputs are about 1e30, the second's no floats any more. */
    toy_create(
        &t,
        "{layers: [dense: {name: a, units: 4, kernel_initializer: {constant: 1e30}},"
        " dense: {name: b, units: 4, kernel_initializer: {constant: 1e30}}, dense: {name: logits, units: 2}],"
        " outputs: {y: logits}}",
        "{epochs: 5, batch: 16}", 400, 1);
    cr_assert(toy_fit(&t, &result, &err) == NIB_ERR_DIVERGED, "not seen: %s", err.message);
    cr_expect(strstr(err.message, "epoch 1, step 1 ") && strstr(err.message, "not finite: b"),
              "'%s' does not name layer b, epoch 1 and step 1", err.message);
    toy_destroy(&t);
}

Test(fit, a_monitor_that_does_not_exist)
{
    toy t;
    nib_error err = {NIB_OK, ""};
    nib_fit_result result;
    toy_create(&t, mlp, "{epochs: 1, monitor: val_accuracy_x}", 100, 1);
    cr_assert(toy_fit(&t, &result, &err) == NIB_ERR_CONFIG, "accepted");
    cr_expect(strstr(err.message, "'val_accuracy_x'") && strstr(err.message, ", val_accuracy"), "%s",
              err.message);
    toy_destroy(&t);
}
